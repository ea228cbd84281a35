r"""The stored form of a run: one line that can be read at a glance, then JSON (format 1).

    1 <source offset> <wake_at or 0> <forget_at> <opened_at> <opened offset> <touched_at>\n{…}

The first line serves recovery: which of two records is newer, and when the run must be looked at. A run is decoded only
when an event or an instant reaches it. A later format gets a new first number, and this module reads both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from schemas.wire import Event
from streams.engine.absences import read_owed, read_timeouts
from streams.engine.deadlines import Gap
from streams.engine.dependencies import judge_dirty
from streams.engine.intake import apply_lessons
from streams.engine.runs import (
    Deadline,
    Entry,
    Lesson,
    Occurrences,
    Run,
    Said,
    ScriptResult,
    Standing,
    Sticky,
)

if TYPE_CHECKING:
    from streams.engine.definitions import Definitions

FORMAT: Final = 1
_STANDINGS: Final[tuple[Standing, ...]] = ("counted", "excluded", "undecided", "refused")
_CODES: Final[dict[Standing | None, int]] = {
    standing: code for code, standing in enumerate(_STANDINGS)
}
_STAMPED, _SKEWED, _LITERAL = 1, 2, 4


class Header(NamedTuple):
    """What recovery needs to know of a stored run."""

    offset: int
    """Offset of the last record of the events topic that changed it."""
    wake_at: int
    """When it must be looked at; 0 if only events can change it."""
    forget_at: int
    opened_at: int
    opened_offset: int
    touched_at: int


def read_header(value: bytes) -> Header:
    """Return the header of a stored run; raises ValueError for bytes that are none, or of a later format."""
    form, *numbers = value[: value.index(b"\n")].split()
    if form != b"%d" % FORMAT:
        raise ValueError(
            f"this worker reads state format {FORMAT}, found {form.decode('ascii', 'replace')[:20]!r}"
        )
    return Header(*map(int, numbers))


def read_instants(value: bytes) -> tuple[int, int]:
    """Return the `wake_at` and `forget_at` of a stored run, as in its header."""
    _, _, wake_at, forget_at, _ = value.split(b" ", 4)
    return int(wake_at), int(forget_at)


def state_offset(value: bytes) -> int:
    """Return the source offset of a stored run; of two stored forms the one with the higher offset is newer."""
    return int(value[2 : value.index(b" ", 2)])


def encode_run(run: Run) -> bytes:
    """Return the stored form of a run that waits for no script."""
    header = (
        f"{FORMAT} {run.offset} {run.wake_at or 0} {run.forget_at} "
        f"{run.opened_at} {run.opened_offset} {run.touched_at}\n"
    )
    body: dict[str, Any] = {
        "flow": run.flow,
        "run_id": run.run_id,
        "definition": run.pinned.version,
        "arrival": run.last_arrival,
        "entries": [_encode_entry(entry) for entry in run.entries.values()],
        "size": run.size_bytes,
    }
    said = run.said
    if said.revision:
        body["said"] = [said.revision, said.status, sorted(said.causes), sorted(said.absent)]
    if run.asked:
        # What scripts were asked of: their answers name the versions that they saw.
        body["versions"] = {node: occurrences.version for node, occurrences in run.nodes.items()}
    if run.deadlines:
        body["deadlines"] = {
            node: (deadline.value_ns, deadline.at_ns, deadline.origin)
            for node, deadline in run.deadlines.items()
        }
    if run.late or run.stamped or run.grew:
        body["flags"] = [run.late, run.stamped, run.grew]
    if run.lessons:
        body["lessons"] = {node: lesson.stated for node, lesson in run.lessons.items()}
    if run.gaps:
        body["gaps"] = [tuple(gap) for gap in run.gaps]
    if run.unknown:
        body["unknown"] = run.unknown
    if run.sticky:
        body["sticky"] = [[*key, *cause] for key, cause in run.sticky.items()]
    return header.encode() + orjson.dumps(body)


def decode_run(key: bytes, value: bytes, definitions: Definitions) -> Run:
    """Return the run of a stored form, judged as it was.

    Raises:
        ValueError: the bytes are no stored run, or of a later format.
        InvalidDefinition: the version that judges it was never published.
    """
    header = read_header(value)
    body = orjson.loads(value[value.index(b"\n") + 1 :])
    pinned = definitions.version(body["flow"], body["definition"])
    run = Run(body["flow"], body["run_id"], key, pinned, header.opened_at, header.opened_offset)
    run.offset, run.touched_at, run.forget_at = header.offset, header.touched_at, header.forget_at
    run.wake_at = header.wake_at or None
    run.last_arrival, run.size_bytes = body["arrival"], body["size"]
    run.late, run.stamped, run.grew = body.get("flags", (False, False, False))
    run.gaps = [Gap(*gap) for gap in body.get("gaps", ())]
    run.unknown = body.get("unknown", {})
    run.sticky = {(node, kind): Sticky(*cause) for node, kind, *cause in body.get("sticky", ())}
    if "said" in body:
        revision, status, causes, absent = body["said"]
        run.said = Said(revision, status, _pairs(causes), _pairs(absent))
    run.deadlines = {
        node: Deadline(*deadline) for node, deadline in body.get("deadlines", {}).items()
    }
    run.lessons = {
        node: Lesson({field: tuple(stated) for field, stated in lesson.items()})
        for node, lesson in body.get("lessons", {}).items()
    }
    _restore_entries(run, body)
    return run


def _restore_entries(run: Run, body: dict[str, Any]) -> None:
    """Put the entries back where they were and read everything that follows from them."""
    if run.lessons:
        apply_lessons(run)
    for stored in body["entries"]:
        entry = _decode_entry(run, stored)
        run.entries[entry.event_id] = entry
        occurrences = run.nodes.setdefault(entry.node, Occurrences())
        if entry.standing == "counted":
            occurrences.count(entry)
        else:
            occurrences.others.append(entry)
        run.mark(entry.node, (entry,))
    run.asked = "versions" in body
    for node, version in body.get("versions", {}).items():
        run.nodes[node].version = version
    # What scripts said is stored, so nothing is asked; the causes are those that held when it was stored.
    judge_dirty(run, run.touched_at)
    run.owed = read_owed(run)
    read_timeouts(run)


def _encode_entry(entry: Entry) -> tuple[Any, ...]:
    head = (
        entry.event_id,
        entry.node,
        entry.ts,
        entry.arrival,
        orjson.Fragment(entry.data),
        _CODES[entry.standing],
        _STAMPED * entry.stamped | _SKEWED * entry.skewed | _LITERAL * entry.literal,
    )
    filtered, validated = entry.filtered, entry.validated
    if filtered is None and validated is None and entry.admitted_at == entry.arrival:
        return head
    return (*head, entry.admitted_at, filtered and tuple(filtered), validated and tuple(validated))


def _decode_entry(run: Run, stored: list[Any]) -> Entry:
    event_id, node, ts, arrival, data, standing, flags, *rest = stored
    event = Event(event_id, run.flow, node, run.run_id, ts, orjson.dumps(data))
    entry = Entry(event, ts, arrival, skewed=bool(flags & _SKEWED))
    entry.standing = _STANDINGS[standing]
    entry.stamped = bool(flags & _STAMPED)
    entry.literal = bool(flags & _LITERAL)
    if rest:
        entry.admitted_at, filtered, validated = rest
        entry.filtered, entry.validated = _decode_result(filtered), _decode_result(validated)
    return entry


def _pairs(stored: list[list[str]]) -> frozenset[tuple[str, str]]:
    return frozenset([(first, second) for first, second in stored])


def _decode_result(stored: list[Any] | None) -> ScriptResult | None:
    return None if stored is None else ScriptResult(tuple(stored[0]), stored[1], stored[2])
