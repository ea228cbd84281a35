"""Recomputes verdicts and dead letters of one partition from its log (R1, R13, R16, R20).

Decoding is written a second time here, so that an error in the worker's own decoder shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from schemas import headers
from schemas.errors import DeadLetterReason, InvalidEvent
from schemas.partitioning import murmur2_partition
from schemas.units import NS_PER_MS
from schemas.wire import check_key, decode_event
from streams.engine.partition import Partition
from streams.engine.records import Judged, Record
from streams.kafka.written import life_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiokafka import TopicPartition

    from schemas.wire import Event
    from streams.engine.definitions.registry import Definitions
    from streams.engine.script_calls import ScriptAnswer, ScriptCall
    from streams.kafka.written import Life

    Evaluate = Callable[[Sequence[ScriptCall]], Awaitable[list[ScriptAnswer]]]


class Implication(NamedTuple):
    """A verdict that the log implies."""

    verdict_id: str
    body: bytes
    life: Life


class Implied(NamedTuple):
    """Verdicts and dead letters that a batch of the log implies, in its order."""

    verdicts: list[Implication]
    dead_letters: dict[int, tuple[DeadLetterReason, bytes | None]]
    """Reason and original value, by the offset of the record."""


class Recomputation:
    """Judges one partition of the events topic as its log says, from the beginning.

    Args:
        partition: which one.
        partitions: how many the topic has.
        definitions: all definitions, with the times of their records.
        evaluate: runs scripts.
    """

    def __init__(
        self,
        partition: TopicPartition,
        partitions: int,
        definitions: Definitions,
        evaluate: Evaluate,
    ) -> None:
        self._number: int = partition.partition
        self._partitions = partitions
        self._evaluate = evaluate
        self._engine = Partition(partition.topic, self._number, definitions)

    async def take(self, batch: Sequence[Any]) -> Implied:
        """Judge the next `aiokafka.ConsumerRecord`s."""
        reasons: dict[int, DeadLetterReason] = {}
        records: list[Record] = []
        for record in batch:
            event = None
            if not _is_clock_record(record):
                try:
                    event = self._decode(record)
                except InvalidEvent as error:
                    reasons[record.offset] = error.reason
            records.append(Record(record.offset, record.timestamp * NS_PER_MS, event))
        judged = await judge(self._engine, records, self._evaluate)
        reasons |= {refused.offset: refused.reason for refused in judged.refused}
        return Implied(
            [_implication(verdict.value) for verdict in judged.verdicts],
            {
                record.offset: (reasons[record.offset], record.value)
                for record in batch
                if record.offset in reasons
            },
        )

    def _decode(self, record: Any) -> Event:
        event = decode_event(record.value)
        check_key(record.key, event.run_id)
        if murmur2_partition(record.key, self._partitions) != self._number:
            raise InvalidEvent("wrong_partition", "", "its key belongs on another partition")
        return event


async def judge(engine: Partition, records: Sequence[Record], evaluate: Evaluate) -> Judged:
    """Judge records, scripts included."""
    judgement = engine.judge(records)
    while judgement.calls:
        judgement.answer(await evaluate(judgement.calls))
    return judgement.judged


def _implication(body: bytes) -> Implication:
    verdict = orjson.loads(body)
    return Implication(verdict["verdict_id"], body, life_of(verdict))


def _is_clock_record(record: Any) -> bool:
    given = dict(record.headers)
    is_empty = record.key is None and record.value is None
    return is_empty and given.get(headers.TYPE) == headers.TYPE_CLOCK
