"""R14, R17: what is not seen is forgotten, what no run needs is removed, by the records of the topic alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.errors import InvalidDefinition
from schemas.v1.definition_record import DefinitionRecord
from streams.engine.definitions.definition import published_version
from streams.engine.definitions.history import DAY_NS
from streams.engine.definitions.registry import SETTLED_NS, Definitions
from tests.engine.driver import START_NS, flow

if TYPE_CHECKING:
    from collections.abc import Iterable

WEEK_NS = 7 * DAY_NS
AB, ABC = flow("a", "b"), flow("a", "b", "c")
OLD, NEW = published_version(AB), published_version(ABC)
Records = list[tuple[bytes, bytes | None]]


def lesson(node: str, **fields: Any) -> tuple[bytes, bytes]:
    value = {"v": 1, "kind": "learned", "flow": "f", "node": {"id": node, **fields}, "options": {}}
    return f"f/{node}".encode(), orjson.dumps(value)


def published(definition: dict[str, Any]) -> Iterable[tuple[bytes, bytes]]:
    version = published_version(definition)
    value = {"v": 1, "kind": "published", "version": version, **definition}
    for key in (f"f@{version}", "f"):
        yield key.encode(), orjson.dumps(value)


def learned_at(definitions: Definitions, days: float) -> set[str]:
    """Return the learned nodes that judge a run opened so many days after the start."""
    return set(definitions.at("f", START_NS + SETTLED_NS + round(days * DAY_NS)).learned)


def upkeep(definitions: Definitions, days: float, *seen: str) -> Records:
    """Let the stream time come to a day, and return what is due then."""
    learned_at(definitions, days)
    wanted = definitions.unseen()
    return definitions.upkeep(
        {flow: nodes & set(seen) for flow, nodes in wanted.items()}, log_kept_ns=WEEK_NS
    )


def feed(
    definitions: Definitions, records: Iterable[tuple[bytes, bytes | None]], days: float
) -> None:
    for key, value in records:
        definitions.add(key, value, START_NS + round(days * DAY_NS))


@pytest.fixture
def definitions() -> Definitions:
    """A flow of two learned nodes."""
    made = Definitions()
    feed(made, [lesson("a"), lesson("b", dep_ids=["a"])], 0)
    return made


def test_R14_a_learned_node_counts_for_thirty_days(definitions: Definitions):
    assert learned_at(definitions, 29.9) == {"a", "b"}
    assert learned_at(definitions, 30) == set()
    assert learned_at(definitions, 10) == {"a", "b"}, (
        "it depends on the run, not on when it is asked"
    )


def test_R14_a_node_that_is_seen_is_said_again_and_stays(definitions: Definitions):
    records = upkeep(definitions, 20, "a")
    assert [key for key, _ in records] == [b"f/a"]
    for _, value in records:
        DefinitionRecord.parse(value or b"")
    feed(definitions, records, 20)
    assert learned_at(definitions, 35) == {"a"}
    assert learned_at(definitions, 49.9) == {"a"}
    assert learned_at(definitions, 50) == set()


def test_R14_nothing_is_said_again_within_a_day(definitions: Definitions):
    assert upkeep(definitions, 0.9, "a", "b") == []
    feed(definitions, upkeep(definitions, 1.1, "a", "b"), 1.1)
    assert upkeep(definitions, 2.0, "a", "b") == []
    assert len(upkeep(definitions, 2.2, "a", "b")) == 2


def test_R17_saying_it_again_changes_no_version(definitions: Definitions):
    before = definitions.at("f", START_NS + DAY_NS).version
    feed(definitions, upkeep(definitions, 20, "a", "b"), 20)
    assert definitions.at("f", START_NS + 40 * DAY_NS).version == before


def test_R17_a_reader_of_the_compacted_topic_judges_alike(definitions: Definitions):
    """It sees only that the node was seen on day 20, and from when on it counts."""
    records = upkeep(definitions, 20, "a", "b")
    feed(definitions, records, 20)
    reader = Definitions()
    feed(reader, records, 20)
    for days in (0, 5, 25, 49, 51):
        assert learned_at(reader, days) == learned_at(definitions, days), days


def test_R14_a_forgotten_node_is_learned_anew(definitions: Definitions):
    now_ns = START_NS + 40 * DAY_NS
    offered = definitions.offer("f", "a", {"id": "a"}, {}, now_ns)
    assert offered is not None
    feed(definitions, [offered], 40)
    assert learned_at(definitions, 41) == {"a"}
    assert learned_at(definitions, 35) == set()


def test_R14_a_lesson_is_removed_when_no_event_of_the_log_can_ask_for_it(definitions: Definitions):
    assert upkeep(definitions, 36.9) == []
    records = upkeep(definitions, 37.1)
    assert records == [(b"f/a", None), (b"f/b", None)]
    feed(definitions, records, 37.1)
    assert upkeep(definitions, 38) == []
    assert learned_at(definitions, 1) == set()


def test_R14_where_nobody_notes_what_is_seen_nothing_is_forgotten():
    """The replay of a file that spans months."""
    definitions = Definitions(forgets=False)
    feed(definitions, [lesson("a")], 0)
    assert learned_at(definitions, 400) == {"a"}


# -- versions --------------------------------------------------------------------------------------


@pytest.fixture
def superseded() -> Definitions:
    """A flow of which a second version was published on day 10."""
    made = Definitions()
    feed(made, published(AB), 0)
    feed(made, published(ABC), 10)
    return made


def test_R17_a_superseded_version_is_removed_when_no_run_can_need_it(superseded: Definitions):
    """Twice what a run may live and the log may hold: a run of a week in a log of a week."""
    assert upkeep(superseded, 10 + 28) == []
    records = upkeep(superseded, 10 + 29)
    assert records == [(f"f@{OLD}".encode(), None)]
    feed(superseded, records, 39)
    with pytest.raises(InvalidDefinition, match="has no version"):
        superseded.version("f", OLD)
    assert superseded.at("f", START_NS + 40 * DAY_NS).version == NEW
    assert upkeep(superseded, 60) == []


def test_R17_what_is_in_force_is_never_removed(superseded: Definitions):
    assert f"f@{NEW}".encode() not in dict(upkeep(superseded, 4_000))
    feed(superseded, [(f"f@{NEW}".encode(), None)], 4_000)
    assert superseded.version("f", NEW).version == NEW


def test_R17_a_version_that_a_stored_run_was_judged_by_is_kept(superseded: Definitions):
    """Events that come again and again keep a closed run: its version is written anew."""
    upkeep(superseded, 11)
    superseded.version("f", OLD)
    assert upkeep(superseded, 20) == [], "it is kept for long yet"
    superseded.version("f", OLD)
    ((key, value),) = upkeep(superseded, 30)
    assert key == f"f@{OLD}".encode()
    feed(superseded, [(key, value)], 30)
    assert upkeep(superseded, 39) == []
    assert superseded.at("f", START_NS + 31 * DAY_NS).version == NEW, "it is not in force again"

    reader = Definitions()
    feed(reader, [(key, value)], 30)
    assert reader.version("f", OLD).nodes.keys() == {"a", "b"}


def test_R17_a_version_whose_end_compaction_took_is_kept_from_the_last_change_on(
    definitions: Definitions,
):
    """Only the snapshot tells of it: until when runs opened by it is not known any more."""
    snapshot = definitions.snapshot(definitions.at("f", START_NS + DAY_NS))
    assert snapshot is not None
    reader = Definitions()
    feed(reader, [snapshot], 1)
    feed(reader, published(ABC), 25)
    assert upkeep(reader, 25 + 28) == []
    assert upkeep(reader, 25 + 29) == [(snapshot[0], None)]
