"""Compares written and implied records of one partition; every difference is a fault.

All fields of a verdict are functions of the log (R15), `source` too, so bodies are compared byte by
byte. Only the record headers `produced-at` and `duly-generation` are the writer's own. A run in
which a script met a limit of the sandbox is not compared: it alone may differ on replay (R6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from streams.audit.findings import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from aiokafka import TopicPartition

    from schemas.errors import DeadLetterReason
    from streams.audit.recomputation import Implication
    from streams.kafka.written import WrittenDeadLetters, WrittenVerdict, WrittenVerdicts

MAX_SHOWN = 160


class LeftOut(NamedTuple):
    """Verdict ids that are not compared, by reason."""

    limited: set[str]
    beyond: set[str]


def left_out(
    implied: Sequence[Implication],
    written: WrittenVerdicts,
    *,
    begins_at_ns: int,
    end: int,
    begun_before: AbstractSet[tuple[str, str]] = frozenset(),
) -> LeftOut:
    """Return the verdicts that cannot be compared.

    Args:
        implied: the verdicts that the log implies.
        written: the verdicts that workers wrote.
        begins_at_ns: the first timestamp of a log whose head is deleted, else 0: a run that began
            before it cannot be judged alike.
        end: the offset up to which the log was read; what was decided later is not implied yet.
        begun_before: runs (flow, run id) that are known to have begun before the first timestamp.
    """
    found = written.by_id.items()
    limited = {one.life for _, one in found if _says_limit(one.body)}
    limited |= {one.life for one in implied if _says_limit(one.body)}
    older = {one.life[:2] for _, one in found if one.life.opened_at_ns < begins_at_ns}
    older |= begun_before
    lives = [(one.verdict_id, one.life) for one in implied]
    lives += [(verdict_id, one.life) for verdict_id, one in found]
    later = {verdict_id for verdict_id, one in found if one.source_offset >= end}
    return LeftOut(
        {verdict_id for verdict_id, life in lives if life in limited},
        later | {verdict_id for verdict_id, life in lives if life[:2] in older},
    )


def _says_limit(body: bytes) -> bool:
    # Few bodies say so: they are decoded only where the text may.
    return b'"script_limit":true' in body and orjson.loads(body)["script_limit"]


def compare_verdicts(
    partition: TopicPartition,
    implied: Sequence[Implication],
    written: WrittenVerdicts,
    skip: Collection[str],
) -> Iterator[Fault]:
    """Yield the faults of one partition of the verdicts topic.

    Args:
        partition: of the verdicts topic.
        implied: in the order of the log.
        written: what workers wrote.
        skip: verdict ids that are not compared.
    """
    for offset in written.strangers:
        yield Fault("unexpected", _place(partition, offset), "a record", "it is not a verdict")
    newest = -1
    for verdict_id, body, _ in implied:
        if verdict_id in skip:
            continue
        found = written.by_id.get(verdict_id)
        if found is None:
            yield Fault("lost", _place(partition), _subject(body), _decision(body))
            continue
        yield from _compare(partition, found, body)
        if found.offset < newest:
            detail = f"a verdict that the log decides before it stands at offset {newest}"
            yield Fault("disordered", _place(partition, found.offset), _subject(body), detail)
        newest = max(newest, found.offset)
    known = {one.verdict_id for one in implied}
    for verdict_id, found in written.by_id.items():
        if verdict_id not in known and verdict_id not in skip:
            place = _place(partition, found.offset)
            yield Fault("unexpected", place, _subject(found.body), _decision(found.body))


def _compare(partition: TopicPartition, written: WrittenVerdict, implied: bytes) -> Iterator[Fault]:
    place, subject = _place(partition, written.offset), _subject(implied)
    if written.others:
        detail = _difference(written.others[0], written.body, ("also", "written"))
        yield Fault("conflicting", place, subject, detail)
    for body in (written.body, *written.others):
        if body != implied:
            detail = _difference(body, implied, ("written", "implied"))
            yield Fault("wrong", place, subject, detail)
            return


def compare_dead_letters(
    partition: TopicPartition,
    implied: Mapping[int, tuple[DeadLetterReason, bytes | None]],
    written: WrittenDeadLetters,
    *,
    end: int,
) -> Iterator[Fault]:
    """Yield the faults of the dead letters of one partition.

    Args:
        partition: of the events topic.
        implied: reason and original value by offset.
        written: what workers wrote.
        end: the offset up to which the log was read.
    """
    for offset, (reason, value) in implied.items():
        found = written.by_offset.get(offset)
        if found is None:
            detail = f"is not in the dead-letter topic, reason {reason}"
        elif found[0] != reason:
            detail = f"written {found[0]}, implied {reason}"
        elif found[1] != value:
            detail = "its value is not the original"
        else:
            continue
        yield Fault("letters", _place(partition, offset), "dead letter", detail)
    for offset in written.strangers:
        yield Fault("letters", _place(partition), f"its record {offset}", "it is not a dead letter")
    for offset in sorted(written.by_offset.keys() - implied.keys()):
        if offset >= end:
            break
        detail = f"is in the dead-letter topic with reason {written.by_offset[offset][0]}"
        yield Fault("letters", _place(partition, offset), "good record", detail)


def _place(partition: TopicPartition, offset: int | None = None) -> str:
    place = f"{partition.topic}, partition {partition.partition}"
    return place if offset is None else f"{place}, offset {offset}"


def _subject(body: bytes) -> str:
    verdict = orjson.loads(body)
    return f"{verdict['flow']}/{verdict['run_id']} revision {verdict['revision']}"


def _decision(body: bytes) -> str:
    verdict = orjson.loads(body)
    causes = ", ".join(f"{cause['node']} {cause['kind']}" for cause in verdict["causes"])
    return f"{verdict['status']}{f' ({causes})' if causes else ''}, by {verdict['trigger']}"


def _difference(left: bytes, right: bytes, names: tuple[str, str]) -> str:
    """Return the first field in which two bodies differ."""
    one, other = orjson.loads(left), orjson.loads(right)
    for field in sorted(one.keys() | other.keys()):
        if one.get(field) != other.get(field):
            shown = [orjson.dumps(verdict.get(field)).decode() for verdict in (one, other)]
            return f"{field}: {names[0]} {_cut(shown[0])}, {names[1]} {_cut(shown[1])}"
    return "the same content, written differently"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
