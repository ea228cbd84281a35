"""The registry of definitions: a function of the definitions topic."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.errors import InvalidDefinition
from streams.engine.definitions.definition import published_version
from streams.engine.definitions.history import DAY_NS
from streams.engine.definitions.registry import (
    OFFER_AGAIN_NS,
    SETTLED_NS,
    Definitions,
)
from tests.engine.driver import START_NS, flow, python

AB = flow("a", "b")


def record(kind: str, **fields: Any) -> bytes:
    """A value of the definitions topic."""
    return orjson.dumps({"v": 1, "kind": kind, "flow": "f", **fields})


def learned(node: str, **fields: Any) -> bytes:
    """What events taught of a node."""
    return record("learned", node={"id": node, **fields}, options={})


PUBLISHED = record("published", version=published_version(AB), options={}, nodes=AB["nodes"])


def test_records_make_flows():
    """Flows are listed in the order in which they appeared."""
    definitions = Definitions()
    definitions.add(b"f", PUBLISHED, START_NS)
    definitions.publish(flow("x", name="g"))
    assert definitions.flows() == ["f", "g"]
    assert list(definitions.newest("f").nodes) == ["a", "b"]


def test_the_two_keys_of_a_published_record_are_one_definition():
    """It stands under its version and as the newest of its flow; neither changes the other."""
    definitions = Definitions()
    definitions.add(b"f@" + published_version(AB).encode(), PUBLISHED, START_NS)
    before = definitions.newest("f")
    definitions.add(b"f", PUBLISHED, START_NS + 1)
    assert definitions.newest("f").version == before.version == published_version(AB)


def test_a_published_definition_keeps_the_version_that_its_record_states():
    """An earlier release hashed other content: runs that it judged find it, and new ones name it."""
    stated = "0123456789abcdef"
    value = record("published", version=stated, options={"retention_ms": 7}, nodes=AB["nodes"])
    definitions = Definitions()
    definitions.add(b"f@" + stated.encode(), value, START_NS)
    definitions.add(b"f", value, START_NS)
    assert definitions.version("f", stated).options.forget_after_ms == 7
    assert definitions.at("f", START_NS + SETTLED_NS).version == stated
    assert definitions.snapshot(definitions.newest("f")) is None
    again = {**AB, "options": {"forget_after_ms": 7}}
    assert definitions.publish(again, START_NS) == published_version(again) != stated


def test_what_upkeep_says_again_has_todays_names_and_the_stated_version():
    """A snapshot of an earlier release, needed by a run that lives long."""
    stated, layer = "0123456789abcdef", {"retention_ms": 7}
    value = record(
        "snapshot",
        version=stated,
        options=layer,
        nodes=AB["nodes"],
        learned_options=layer,
        learned_nodes=[],
    )
    definitions = Definitions()
    definitions.add(b"f@" + stated.encode(), value, START_NS)
    definitions.version("f", stated)
    definitions.at("f", START_NS + 30 * DAY_NS)
    ((key, again),) = definitions.upkeep({}, log_kept_ns=0)
    assert key == b"f@" + stated.encode()
    renamed = {"forget_after_ms": 7}
    expected = {"version": stated, "options": renamed, "learned_options": renamed}
    assert orjson.loads(again or b"").items() >= expected.items()


def test_a_tombstone_takes_nothing_from_those_who_judge_by_it():
    """The topic forgets a version that is no longer in use; a run that holds it still does."""
    definitions = Definitions()
    definitions.add(b"f", PUBLISHED, START_NS)
    definitions.add(b"f@" + published_version(AB).encode(), None, START_NS + 1)
    assert definitions.version("f", published_version(AB)).nodes.keys() == {"a", "b"}


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b"[]",
        b'"text"',
        record("recipe"),
        record("published", options={}),
        record("published", options={}, nodes=[{}]),
        record("learned", node={"type": "act"}),
        record("snapshot", version="1"),
        record("published", version=1, options={}, nodes=[{"id": "a"}]),
        record("published", options={}, nodes=[{"id": "a", "dep_ids": ["x"]}]),
    ],
    ids=[
        "no JSON",
        "a list",
        "a text",
        "unknown kind",
        "without nodes",
        "node without id",
        "lesson without id",
        "snapshot without nodes",
        "version that is no text",
        "refused by R18",
    ],
)
def test_what_is_no_definition_is_refused(value: bytes):
    """The reader is told, and the registry judges as before."""
    definitions = Definitions()
    definitions.add(b"f", PUBLISHED, START_NS)
    with pytest.raises(InvalidDefinition):
        definitions.add(b"f", value, START_NS + 1)
    assert definitions.newest("f").version == published_version(AB)
    assert definitions.at("f", START_NS + SETTLED_NS + 1).version == published_version(AB)


def test_lessons_add_up():
    """Each record of a node adds to what is known of it; what operators published stands above."""
    definitions = Definitions()
    definitions.add(b"f", PUBLISHED, START_NS)
    definitions.add(b"f/c", learned("c", dep_ids=["a"]), START_NS + 1)
    definitions.add(b"f/c", learned("c", required=False), START_NS + 2)
    definitions.add(b"f/b", learned("b", dep_ids=[], validator=python("True")), START_NS + 3)
    nodes = definitions.newest("f").nodes
    assert (nodes["c"].deps, nodes["c"].learned) == (("a",), True)
    assert nodes["b"].deps == ("a",)
    assert nodes["b"].validator is not None
    assert definitions.at("f", START_NS + SETTLED_NS).nodes.keys() == {"a", "b"}


def test_learned_nodes_have_their_place_before_anything_is_published():
    """A flow can be learned first and described later."""
    definitions = Definitions()
    definitions.add(b"f/a", learned("a"), START_NS)
    assert definitions.newest("f").nodes["a"].required is True
    definitions.add(b"f", record("published", options={}, nodes=[{"id": "z"}]), START_NS + 1)
    assert definitions.newest("f").nodes["a"].required is False
    assert list(definitions.newest("f").nodes) == ["z", "a"]


def test_an_offer_is_made_once_until_it_is_known():
    """A lesson under way is not offered again; one that got lost is, after a minute."""
    definitions = Definitions()
    offer = definitions.offer("f", "a", {"dep_ids": ["b"]}, {}, START_NS)
    assert offer is not None
    key, value = offer
    assert key == b"f/a"
    assert definitions.offer("f", "a", {"dep_ids": ["b"]}, {}, START_NS + 1) is None
    later = START_NS + OFFER_AGAIN_NS
    assert definitions.offer("f", "a", {"dep_ids": ["b"]}, {}, later) == offer
    definitions.add(key, value, later)
    assert definitions.offer("f", "a", {"dep_ids": ["b"]}, {}, later + OFFER_AGAIN_NS) is None
    assert definitions.offer("f", "a", {"dep_ids": ["c"]}, {}, later) is not None


def test_a_node_without_fields_is_a_lesson_too():
    """That a node exists is worth knowing."""
    definitions = Definitions()
    assert definitions.offer("f", "a", {}, {}, START_NS) is not None


def test_a_snapshot_is_made_once_per_version():
    """Only merged versions need one: what was published stands in the topic already."""
    definitions = Definitions()
    definitions.publish(AB)
    assert definitions.snapshot(definitions.newest("f")) is None
    definitions.add(b"f/c", learned("c"), START_NS)
    merged = definitions.newest("f")
    made = definitions.snapshot(merged)
    assert made is not None
    assert made[0] == f"f@{merged.version}".encode()
    assert definitions.snapshot(merged) is None


def test_a_snapshot_that_was_read_is_not_made_again():
    """Another worker kept it, and it judges here as it does there."""
    one, other = Definitions(), Definitions({"grace_ms": 5})
    one.publish(AB)
    one.add(b"f/c", learned("c", dep_ids=["b"]), START_NS)
    merged = one.newest("f")
    made = one.snapshot(merged)
    assert made is not None
    other.add(*made, START_NS)
    kept = other.version("f", merged.version)
    assert kept.nodes["c"].deps == ("b",)
    assert kept.version == merged.version
    assert other.snapshot(kept) is None


def test_a_version_is_the_same_object_for_all_runs():
    """Runs of one version share one compiled definition."""
    definitions = Definitions()
    definitions.publish(AB)
    assert definitions.at("f", START_NS) is definitions.at("f", START_NS + 1)
    assert definitions.at("f", START_NS) is definitions.version("f", published_version(AB))
