"""Stored runs and definition records as an earlier release wrote them, and what it read in them.

    python -m tests.engine.recorded

records every kind of run that a state can hold, by today's encoder, in a file that bears the number
of its format, and every kind of definition record in another. Do it once for each new format and
commit the files: they stand for the changelogs and definitions topics of those who run that
release. What is recorded is never written again; a kind that a file lacks is added to it.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from schemas.encoding import encode_json
from schemas.ids import state_key
from streams.engine.definitions.definition import published_version
from streams.engine.definitions.history import DAY_NS
from streams.engine.definitions.registry import Definitions
from streams.engine.run.codec import FORMAT, read_header
from tests.engine.driver import START_NS, Log, Verdict, event, flow, python, timeout

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent / "recorded_states"
DEFINITIONS = FOLDER / f"definitions-{FORMAT}.json"
REMEMBERED = "forget_after_ms"
"""The option that says how long a closed run is remembered."""
FIRST_OFFSET = 1_000
"""Of what comes after the recording; far behind all that the stored runs have seen."""

Recording = dict[str, Any]
Kept = tuple[str, str, int]
"""A record of the definitions topic: key, value, timestamp in ns."""


def published_record(definition: dict[str, Any]) -> Kept:
    """Return the record with which `duly flow apply` publishes a definition."""
    version = published_version(definition)
    record: dict[str, Any] = {"v": 1, "kind": "published", "version": version, "options": {}}
    return f"{definition['flow']}@{version}", encode_json(record | definition).decode(), 0


class RecordedLog(Log):
    """A log that remembers by which definitions it judges."""

    def __init__(self, *definitions: dict[str, Any]) -> None:
        super().__init__(*definitions)
        self.published = [published_record(definition) for definition in definitions]
        self.learned: list[Kept] = []

    def _note(self, judged: Any) -> list[Verdict]:
        self.learned += [
            (key.decode(), value.decode(), self.stream_time_ns) for key, value in judged.learned
        ]
        return super()._note(judged)


KINDS: dict[str, Callable[[], RecordedLog]] = {}
"""What makes each kind of run, by its name."""


def kind(make: Callable[[], RecordedLog]) -> Callable[[], RecordedLog]:
    """Note what makes a kind of run."""
    KINDS[make.__name__] = make
    return make


@kind
def waits() -> RecordedLog:
    """An event came before what it depends on; its grace runs."""
    log = RecordedLog(flow("a", "b", "c"))
    log.come(event("a", 0), event("c", 1))
    return log


@kind
def is_owed() -> RecordedLog:
    """A deadline runs."""
    log = RecordedLog(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(60_000)}, "c"))
    log.come(event("a", 0))
    return log


@kind
def passed() -> RecordedLog:
    """All came; the run is at rest."""
    log = RecordedLog(flow("a", "b", "c"))
    log.come(event("a", 0), event("b", 1), event("c", 2))
    return log


@kind
def is_incomplete() -> RecordedLog:
    """The window closed on a node that never came."""
    log = RecordedLog(flow("a", "b", "c"))
    log.come(event("a", 0))
    log.run_on(900_000)
    return log


@kind
def timed_out_and_came() -> RecordedLog:
    """A timeout was said, then the event came after all."""
    log = RecordedLog(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}, "c"))
    log.come(event("a", 0))
    log.run_on(2_000)
    log.come(event("b", 900), at=2_500)
    return log


@kind
def failed_a_validator() -> RecordedLog:
    """A validator said no."""
    log = RecordedLog(
        flow("a", {"id": "b", "dep_ids": ["a"], "validator": python("data['n'] > 1")})
    )
    log.come(event("a", 0), event("b", 1, data={"n": 0}))
    return log


@kind
def a_validator_broke() -> RecordedLog:
    """A validator met an error, whose text stands in the state."""
    log = RecordedLog(
        flow("a", {"id": "b", "dep_ids": ["a"], "validator": python("data['x'] > 1")})
    )
    log.come(event("a", 0), event("b", 1))
    return log


@kind
def filtered() -> RecordedLog:
    """Of three events one was let through, one excluded, one made the filter fail."""
    node = {"id": "b", "dep_ids": ["a"], "filter": python("data['n'] > 0")}
    log = RecordedLog(flow("a", node, "c"))
    log.come(event("a", 0), event("b", 1, data={"n": 0}), event("b", 2, data={"n": 1}))
    log.come(event("b", 3))
    return log


@kind
def a_filter_is_undecided() -> RecordedLog:
    """A filter failed while its dependency is absent: not yet (R4)."""
    node = {"id": "b", "dep_ids": ["a"], "filter": python("ctx['data']['n'] > 0")}
    log = RecordedLog(flow("a", node))
    log.come(event("b", 1))
    return log


@kind
def scripts_saw_two_events() -> RecordedLog:
    """Answers name the versions of the context that they saw."""
    node = {"id": "b", "dep_ids": ["a"], "validator": python("len(ctx['deps']) < 3")}
    log = RecordedLog(flow("a", node, "c"))
    log.come(event("a", 0), event("a", 1, id="a2"), event("b", 2))
    return log


@kind
def excluded_by_its_caller() -> RecordedLog:
    """A literal `filter: false` on the wire."""
    log = RecordedLog(flow("a", "b"))
    log.come(event("a", 0), event("b", 1, filter=False))
    return log


@kind
def learned() -> RecordedLog:
    """The first run of a flow that nobody published, which settles."""
    log = RecordedLog()
    log.come(event("a", 0), event("b", 1, dep_ids=["a"], validator=python("data == {}")))
    return log


@kind
def learned_options() -> RecordedLog:
    """Events stated options, and different things of one node."""
    log = RecordedLog(flow("a"))
    log.come(event("a", 0, options={"settle_ms": 700}), event("x", 1, conditions=timeout(50)))
    log.come(event("x", 2, dep_ids=["a"], options={"window_ms": 60_000}))
    return log


@kind
def pinned_to_a_snapshot() -> RecordedLog:
    """A later run of a learned flow, pinned to what the first one taught."""
    log = learned()
    log.run_on(8_000)
    log.come(event("a", 10_000, run="r2"))
    return log


@kind
def an_impossible_lesson() -> RecordedLog:
    """Events taught a cycle."""
    log = RecordedLog()
    log.come(event("a", 0, dep_ids=["b"]), event("b", 1, dep_ids=["a"]))
    return log


@kind
def an_outage_lies_in_it() -> RecordedLog:
    """Nobody could write when the deadline passed (R27)."""
    log = RecordedLog(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    log.come(event("a", 0))
    log.clock(9_000)
    return log


@kind
def has_too_many_events() -> RecordedLog:
    """It took no more, and said so."""
    log = RecordedLog(flow("a", "b", max_events_per_run=2))
    log.come(event("a", 0), event("a", 1), event("a", 2), event("b", 3))
    return log


@kind
def met_an_unknown_node() -> RecordedLog:
    """A closed flow does not have it."""
    log = RecordedLog(flow("a", "b", closed=True))
    log.come(event("a", 0), event("zebra", 1))
    return log


@kind
def stamped_late() -> RecordedLog:
    """Its client stamped when it sent (R25)."""
    log = RecordedLog(flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)}))
    log.come(event("a", 0, stamped="flush"), event("b", 2_000, stamped="flush"))
    return log


@kind
def a_clock_ran_ahead() -> RecordedLog:
    """Ten minutes ahead: the log's time was taken (R22)."""
    log = RecordedLog(flow("a", "b"))
    log.come(event("a", 600_000), at=0)
    return log


@kind
def reopened() -> RecordedLog:
    """Its first event is older than `forget_after_ms`: the run may have been forgotten (R21)."""
    log = RecordedLog(flow("a", "b"))
    log.come(event("a", 0), at=4_000_000)
    return log


@kind
def two_of_one_branch() -> RecordedLog:
    """Exclusive alternatives came both."""
    branch = {"dep_ids": ["a"], "branch": "pay", "exclusive": True}
    log = RecordedLog(flow("a", {"id": "card", **branch}, {"id": "cash", **branch}))
    log.come(event("a", 0), event("card", 1), event("cash", 2))
    return log


@kind
def ended() -> RecordedLog:
    """An `ends_run` node came, and what depends on it is owed."""
    log = RecordedLog(
        flow(
            "a",
            "b",
            {"id": "cancel", "ends_run": True},
            {"id": "refund", "dep_ids": ["cancel"]},
        )
    )
    log.come(event("a", 0), event("cancel", 1))
    return log


@kind
def leans_on_an_excuse() -> RecordedLog:
    """An optional dependency is absent; the other one came."""
    gift = {"id": "gift", "required": False}
    log = RecordedLog(flow("a", gift, {"id": "ship", "dep_ids": ["a", "gift"]}, "done"))
    log.come(event("a", 0), event("ship", 1))
    return log


@kind
def out_of_order() -> RecordedLog:
    """A dependency happened later than what depends on it, and grace is over."""
    log = RecordedLog(flow("a", "b", "c"))
    log.come(event("b", 0), at=0)
    log.come(event("a", 9_000), at=9_000)
    log.run_on(10_500)
    return log


@kind
def beside_a_trigger() -> RecordedLog:
    """A trigger that nobody fired (R24), and a node of which any dependency is enough."""
    log = RecordedLog(
        flow(
            {"id": "t", "type": "trigger"},
            {"id": "a", "dep_ids": ["t"]},
            {
                "id": "b",
                "dep_ids": ["a", "t"],
                "dep_mode": "any",
                "conditions": timeout(5_000),
            },
            "c",
        )
    )
    log.come(event("a", 0), event("b", 10))
    return log


@kind
def remembered_for_longer() -> RecordedLog:
    """Its flow states how long a closed run is remembered."""
    options: dict[str, Any] = {REMEMBERED: 10_000_000}
    log = RecordedLog(flow("a", "b", "c", **options))
    log.come(event("a", 0, id="first"))
    log.run_on(900_000)
    return log


@kind
def taught_how_long_to_remember() -> RecordedLog:
    """Its own event stated how long a closed run is remembered."""
    log = RecordedLog(flow("a", "b", "d"))
    log.come(event("a", 0, options={REMEMBERED: 10_000_000}))
    log.run_on(900_000)
    return log


@kind
def pinned_to_what_runs_learned_of_remembering() -> RecordedLog:
    """An earlier run stated it: a snapshot holds it, and the run is pinned to that."""
    log = RecordedLog(flow("a", "b"))
    log.come(event("a", 0, options={REMEMBERED: 10_000_000}), event("a", 5_000, run="r2"))
    log.run_on(905_000)
    return log


DEFINITION_KINDS: dict[str, Callable[[], Kept]] = {}
"""What makes each kind of definition record that states options, by its name."""


def definition_kind(make: Callable[[], Kept]) -> Callable[[], Kept]:
    """Note what makes a kind of definition record."""
    DEFINITION_KINDS[make.__name__] = make
    return make


def _kept(record: tuple[bytes, bytes | None] | None, timestamp_ns: int = START_NS) -> Kept:
    assert record is not None
    key, value = record
    return key.decode(), (value or b"").decode(), timestamp_ns


@definition_kind
def published() -> Kept:
    """By an operator, who stated every option."""
    options: dict[str, Any] = {"closed": True, "window_ms": 60_000, REMEMBERED: 7_000}
    return published_record(flow("a", "b", **options))


@definition_kind
def learned_with_an_event() -> Kept:
    """A node that an event taught, with options."""
    options = {"settle_ms": 9, REMEMBERED: 7_000}
    return _kept(Definitions().offer("f", "a", {"required": False}, options, START_NS))


@definition_kind
def learned_and_said_again() -> Kept:
    """The same, a day later, as upkeep writes it."""
    definitions = Definitions()
    key, value, _ = learned_with_an_event()
    definitions.add(key.encode(), value.encode(), START_NS)
    later_ns = START_NS + 2 * DAY_NS
    definitions.at("f", later_ns)
    (record,) = definitions.upkeep({"f": {"a"}}, log_kept_ns=DAY_NS)
    return _kept(record, later_ns)


@definition_kind
def snapshot() -> Kept:
    """What was published and what was learned, for the runs that are pinned to it."""
    definitions = Definitions()
    for key, value, _ in (published(), learned_with_an_event()):
        definitions.add(key.encode(), value.encode(), START_NS)
    return _kept(definitions.snapshot(definitions.newest("f")))


def definition_reading(kept: Kept) -> Recording:
    """Return what today's code reads in a definition record."""
    key, value, timestamp_ns = kept
    definitions = Definitions()
    definitions.add(key.encode(), value.encode(), timestamp_ns)
    _, _, version = key.partition("@")
    read = definitions.version("f", version) if version else definitions.newest("f")
    return {
        "version": version or None,
        "options": asdict(read.options),
        "nodes": {node.id: dict(node.given) for node in read.nodes.values()},
    }


def record(log: RecordedLog) -> Recording:
    """Return the run that came last in a log, as it is stored, with all that is read in it."""
    key, stored = list(log.stored().items())[-1]
    flow_name, _, run_id = key.decode().partition("\0")
    recording: Recording = {
        "published": log.published,
        "learned": log.learned,
        "flow": flow_name,
        "run_id": run_id,
        "stored": stored.decode(),
    }
    return recording | reading(recording)


def definitions_of(recording: Recording) -> Definitions:
    """Return the registry of the definition records beside a recorded run."""
    definitions = Definitions()
    for key, value, timestamp_ns in (*recording["published"], *recording["learned"]):
        definitions.add(key.encode(), value.encode(), timestamp_ns)
    return definitions


def reading(recording: Recording) -> Recording:
    """Return what today's code reads in a recording, and what it says when the run goes on.

    Every node sends one more event, and then all time passes.
    """
    log = Log()
    log.definitions = definitions_of(recording)
    flow_name, run_id = recording["flow"], recording["run_id"]
    stored = recording["stored"].encode()
    header = read_header(stored)
    log.restart({state_key(flow_name, run_id): stored})
    log.stream_time_ns = header.touched_at
    log._offsets = itertools.count(FIRST_OFFSET)  # pyright: ignore[reportPrivateUsage]
    end = log.end(flow_name, run_id)
    for node in end.nodes:
        log.come(event(node, 5_000_000, run=run_id, flow=flow_name, id=f"more {node}"))
    log.run_on()
    return {"header": list(header), "end": list(end), "goes_on": log.verdicts}


def main() -> int:
    """Record what this release writes of every kind that is not recorded; return the exit code."""
    FOLDER.mkdir(exist_ok=True)
    states = FOLDER / f"format-{FORMAT}.json"
    recorded = _recorded(states)
    recorded |= {name: record(make()) for name, make in KINDS.items() if name not in recorded}
    _write(states, recorded)
    recorded = _recorded(DEFINITIONS)
    for name, make in DEFINITION_KINDS.items():
        if name not in recorded:
            kept = make()
            recorded[name] = {"kept": kept, "read": definition_reading(kept)}
    _write(DEFINITIONS, recorded)
    return 0


def _recorded(file: Path) -> dict[str, Recording]:
    return orjson.loads(file.read_bytes()) if file.exists() else {}


def _write(file: Path, recorded: dict[str, Recording]) -> None:
    file.write_bytes(orjson.dumps(recorded, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
