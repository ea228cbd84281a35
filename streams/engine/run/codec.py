"""Stored form of a run: a JSON array (format 2).

    [2, source offset, wake_at or 0, forget_at, opened_at, opened offset, touched_at,
     definition version, last arrival, size, [entry, …], {what only some runs have}]

Recovery reads only the header: which of two records is newer, and when the run must be looked at. A run is decoded
when an event or an instant reaches it; flow and run id stand in its key. Stored runs fill a worker's memory, so the
instants after `touched_at` count from `opened_at`. A later format gets a new first number; this module reads all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from schemas.encoding import encode_to_keep
from schemas.renamed import rename_options
from schemas.wire import Event
from streams.engine.rules.fast_path import restore_on_fast_path
from streams.engine.rules.judging import judge_dirty
from streams.engine.rules.owed import owed_nodes, refresh_timeouts
from streams.engine.run.entries import Entry, NodeEvents, ScriptResult, Standing
from streams.engine.run.intake import OPTIONS, apply_lessons
from streams.engine.run.run import Deadline, LastVerdict, PermanentCause, Run, RunLesson
from streams.engine.run.timers import Outage

if TYPE_CHECKING:
    from streams.engine.definitions.registry import Definitions

FORMAT: Final = 2
_MARK: Final = b"[2,"
_MARK_1: Final = b"1 "
_HEADER_FIELDS: Final = 6
_STANDINGS: Final[tuple[Standing, ...]] = ("counted", "excluded", "undecided", "refused")
_CODES: Final[dict[Standing | None, int]] = {
    standing: code for code, standing in enumerate(_STANDINGS)
}
_STANDING_BITS, _STAMPED, _SKEWED, _EXCLUDED_BY_CLIENT = 3, 4, 8, 16


class Header(NamedTuple):
    """Header of a stored run: all that recovery reads."""

    offset: int
    """Offset of the last record of the events topic that changed it."""
    wake_at: int
    """Next instant at which it must be looked at; 0 if only events can change it."""
    forget_at: int
    opened_at: int
    opened_offset: int
    touched_at: int


def read_header(value: bytes) -> Header:
    """Return the header of a stored run; raises ValueError for other bytes or a later format."""
    return Header(*map(int, _header_fields(value)[:_HEADER_FIELDS]))


def read_waking(value: bytes) -> tuple[int, int, int]:
    """Return the `wake_at`, `forget_at` and `opened_offset` of a stored run; raises as `read_header` does."""
    _, wake_at, forget_at, _, opened_offset, *_ = _header_fields(value)
    return int(wake_at), int(forget_at), int(opened_offset)


def state_offset(value: bytes) -> int:
    """Return the source offset of a stored run; of two stored forms the one with the higher offset is newer."""
    if value.startswith(_MARK):
        return int(value[len(_MARK) : value.index(b",", len(_MARK))])
    return int(_header_fields(value)[0])


def _header_fields(value: bytes) -> list[bytes]:
    """Return the numbers of the header after the format; of format 2, the rest of the bytes too."""
    if value.startswith(_MARK):
        return value[len(_MARK) :].split(b",", _HEADER_FIELDS)
    if value.startswith(_MARK_1):
        return value[len(_MARK_1) : value.index(b"\n")].split()
    raise ValueError(f"this worker reads states of formats 1 and {FORMAT}, found {value[:20]!r}")


def encode_run(run: Run) -> bytes:
    """Return the stored form of a run; no script call of it may be pending."""
    opened_at = run.opened_at
    return encode_to_keep(
        (
            FORMAT,
            run.offset,
            run.wake_at or 0,
            run.forget_at,
            opened_at,
            run.opened_offset,
            run.touched_at,
            run.pinned.version,
            run.last_arrival - opened_at,
            run.size_bytes,
            [_encode_entry(entry, opened_at) for entry in run.entries.values()],
            _encode_rest(run),
        )
    )


def _encode_rest(run: Run) -> dict[str, Any]:
    """Return the parts that only some runs have."""
    rest: dict[str, Any] = {}
    last = run.last_verdict
    if last.revision:
        causes = sorted(last.causes) if last.causes else []
        absent = sorted(last.absent) if last.absent else []
        rest["said"] = (last.revision, last.status, causes, absent)
    moved = {
        node: node_events.version
        for node, node_events in run.nodes.items()
        if node_events.version != len(node_events.counted)
    }
    if moved:  # Script results name the versions that they saw.
        rest["versions"] = moved
    if run.deadlines:
        opened_at = run.opened_at
        rest["deadlines"] = {
            node: (deadline.value_ns - opened_at, deadline.at_ns - opened_at, deadline.origin)
            for node, deadline in run.deadlines.items()
        }
    if run.reopened or run.stamped_at_flush or run.learned_here:
        rest["flags"] = [run.reopened, run.stamped_at_flush, run.learned_here]
    if run.lessons:
        rest["lessons"] = {node: lesson.stated for node, lesson in run.lessons.items()}
    if run.outages:
        rest["gaps"] = [tuple(outage) for outage in run.outages]
    if run.unknown:
        rest["unknown"] = run.unknown
    if run.permanent:
        rest["sticky"] = [[*key, *cause] for key, cause in run.permanent.items()]
    return rest


def decode_run(key: bytes, value: bytes, definitions: Definitions) -> Run:
    """Return the run of a stored form, with the judgement that it had.

    Raises:
        ValueError: the bytes are not a stored run, or of a later format.
        InvalidDefinition: the version that judges it is unknown.
    """
    fields = orjson.loads(value) if value.startswith(_MARK) else _read_format_1(value)
    _, offset, wake_at, forget_at, opened_at, opened_offset, touched_at, *body = fields
    version, arrival, size, entries, rest = body
    flow, _, run_id = key.decode().partition("\0")
    pinned = definitions.version(flow, version)
    run = Run(flow, run_id, key, pinned, opened_at, opened_offset)
    run.offset, run.touched_at, run.forget_at = offset, touched_at, forget_at
    run.wake_at = wake_at or None
    run.last_arrival, run.size_bytes = opened_at + arrival, size
    run.deadlines = {
        node: Deadline(opened_at + value, opened_at + at, origin)
        for node, (value, at, origin) in rest.pop("deadlines", {}).items()
    }
    if rest:
        _decode_rest(run, rest)
    _restore_entries(run, entries, rest.get("versions", {}))
    return run


def _decode_rest(run: Run, rest: dict[str, Any]) -> None:
    run.reopened, run.stamped_at_flush, run.learned_here = rest.get("flags", (False, False, False))
    run.outages = [Outage(*stored) for stored in rest.get("gaps", ())]
    run.unknown = rest.get("unknown", {})
    run.permanent = {
        (node, kind): PermanentCause(*cause) for node, kind, *cause in rest.get("sticky", ())
    }
    if "said" in rest:
        revision, status, causes, absent = rest["said"]
        run.last_verdict = LastVerdict(revision, status, _pairs(causes), _pairs(absent))
    run.lessons = {
        node: RunLesson({field: tuple(stated) for field, stated in lesson.items()})
        for node, lesson in rest.get("lessons", {}).items()
    }
    if OPTIONS in run.lessons:
        run.lessons[OPTIONS] = RunLesson(rename_options(run.lessons[OPTIONS].stated))


def _restore_entries(run: Run, stored: list[list[Any]], versions: dict[str, int]) -> None:
    """Put the entries back in place and compute everything that follows from them."""
    if run.lessons:
        apply_lessons(run)
    for fields in stored:
        entry = _decode_entry(run, fields)
        run.entries[entry.event_id] = entry
        node_events = run.nodes.get(entry.node)
        if node_events is None:
            node_events = run.nodes[entry.node] = NodeEvents()
        if entry.standing == "counted":
            node_events.count(entry)
        else:
            node_events.others.append(entry)
    for node, version in versions.items():
        run.nodes[node].version = version
    if not restore_on_fast_path(run):
        for entry in run.entries.values():
            run.mark(entry.node, (entry,))
        # Script results are stored, so nothing is called; the causes are those that held when it was stored.
        judge_dirty(run, run.touched_at)
    run.owed = owed_nodes(run)
    refresh_timeouts(run)


def _encode_entry(entry: Entry, opened_at: int) -> tuple[Any, ...]:
    # The upkeep of definitions looks for a node right behind an event's id.
    head = (
        entry.event_id,
        entry.node,
        entry.ts - opened_at,
        entry.arrival - opened_at,
        orjson.Fragment(entry.data),
        _CODES[entry.standing]
        | _STAMPED * entry.stamped_at_flush
        | _SKEWED * entry.skewed
        | _EXCLUDED_BY_CLIENT * entry.excluded_by_client,
    )
    filtered, validated = entry.filtered, entry.validated
    if filtered is None and validated is None and entry.admitted_at == entry.arrival:
        return head
    admitted_at = entry.admitted_at - opened_at
    return (*head, admitted_at, _encode_result(filtered), _encode_result(validated))


def _decode_entry(run: Run, stored: list[Any]) -> Entry:
    event_id, node, ts, arrival, data, code, *scripts = stored
    opened_at = run.opened_at
    ts += opened_at
    event = Event(event_id, run.flow, node, run.run_id, ts, encode_to_keep(data))
    entry = Entry(event, ts, opened_at + arrival, skewed=bool(code & _SKEWED))
    entry.standing = _STANDINGS[code & _STANDING_BITS]
    entry.stamped_at_flush = bool(code & _STAMPED)
    entry.excluded_by_client = bool(code & _EXCLUDED_BY_CLIENT)
    if scripts:
        admitted_at, filtered, validated = scripts
        entry.admitted_at = opened_at + admitted_at
        entry.filtered, entry.validated = _decode_result(filtered), _decode_result(validated)
    return entry


def _pairs(stored: list[list[str]]) -> frozenset[tuple[str, str]]:
    return frozenset([(first, second) for first, second in stored])


def _encode_result(result: ScriptResult | None) -> tuple[Any, ...] | None:
    return None if result is None else (result.seen, result.outcome, result.detail)


def _decode_result(stored: list[Any] | None) -> ScriptResult | None:
    return None if stored is None else ScriptResult(tuple(stored[0]), stored[1], stored[2])


# -- format 1 --------------------------------------------------------------------------------------------------------


def _read_format_1(value: bytes) -> list[Any]:
    """Return the array of format 2 for a state of format 1: a line of numbers, an object, absolute instants."""
    header = read_header(value)
    body = orjson.loads(value[value.index(b"\n") + 1 :])
    opened_at = header.opened_at
    entries: list[list[Any]] = []
    for event_id, node, ts, arrival, data, standing, marks, *scripts in body.pop("entries"):
        if scripts:
            scripts[0] -= opened_at
        code = standing | marks * _STAMPED  # the marks were 1, 2 and 4
        entries.append([event_id, node, ts - opened_at, arrival - opened_at, data, code, *scripts])
    for deadline in body.get("deadlines", {}).values():
        deadline[0] -= opened_at
        deadline[1] -= opened_at
    arrival = body["arrival"] - opened_at
    return [1, *header, body["definition"], arrival, body["size"], entries, body]
