"""Emit, remember, commit: in that order, and each for all that has gathered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from streams.agents.events.owner import PartitionOwner
from streams.engine.records import Judged, VerdictOut
from streams.kafka.rows import OutRecord
from tests.support.kafka_records import record
from tests.support.log_in_memory import Batch, Log, Neighbours

if TYPE_CHECKING:
    from collections.abc import Generator

PARTITION = 3


class _Answered:
    """A judgement that asks for nothing."""

    calls = ()

    def __init__(self, judged: Judged) -> None:
        self.judged = judged


class Prepared:
    """The engine's side of a partition; each batch has the next of these effects."""

    number = PARTITION
    open_runs = 0
    stream_time_ns = 0

    def __init__(self, *effects: Judged) -> None:
        self._effects = list(effects)

    def judge(self, _records: Any) -> Any:
        return _Answered(self._effects.pop(0))

    def next_due_ns(self) -> None:
        return None


@contextmanager
def judging(
    log: Log, *effects: Judged, remembered: list[int] | None = None
) -> Generator[PartitionOwner]:
    """Start an owner of a partition that nobody has judged yet."""
    noted: list[int] = [] if remembered is None else remembered
    partition = cast("Any", Prepared(*effects))
    owner = PartitionOwner(partition, Neighbours(log).context(), remembered=noted.append)
    owner.start()
    yield owner
    owner.close()


def effects(number: int = 1) -> Judged:
    return Judged(
        verdicts=[VerdictOut(b"run", b"verdict %d" % number, "passed", "event", 0)],
        states=[(b"key", b"state %d" % number, number)],
        learned=[(b"shop/pay", b"lesson")],
    )


def garbage(offset: int = 0) -> Batch:
    return Batch(record(b"bytes", key=b"bad", partition=PARTITION, offset=offset))


async def test_all_effects_go_where_they_belong() -> None:
    log, remembered = Log(), list[int]()
    with judging(log, effects(), remembered=remembered) as owner:
        owner.accept(batch := garbage())
        await batch.done()
    assert [(topic, partition) for topic, partition, _ in log.written] == [
        ("dead-letters", PARTITION),
        ("verdicts", PARTITION),
        ("definitions", 0),
        ("changelog", PARTITION),
    ]
    assert remembered == [0]


@pytest.mark.parametrize("topic", ["verdicts", "dead-letters", "definitions"])
async def test_no_state_is_written_before_all_that_was_said_is_acknowledged(topic: str) -> None:
    log = Log()
    log.block(topic)
    with judging(log, effects()) as owner:
        owner.accept(batch := garbage())
        await log.until(lambda: len({to for to, _, _ in log.written}) == 2)
        assert log.of("changelog") == []
        log.unblock(topic)
        await batch.done()
    assert len(log.of("changelog")) == 1


async def test_nothing_is_committed_before_its_state_is_acknowledged() -> None:
    log = Log()
    log.block("changelog")
    with judging(log, effects()) as owner:
        owner.accept(batch := garbage())
        await log.until(lambda: len(log.of("verdicts")) == 1)
        assert not batch.acknowledged.is_set()
        log.unblock("changelog")
        await batch.done()


async def test_verdicts_of_later_batches_do_not_wait_for_states_of_earlier_ones() -> None:
    log = Log()
    log.block("changelog")
    first, second = garbage(0), garbage(1)
    with judging(log, effects(1), effects(2)) as owner:
        owner.accept(first)
        await log.until(lambda: len(log.of("verdicts")) == 1)
        owner.accept(second)
        await log.until(lambda: len(log.of("verdicts")) == 2)
        assert not first.acknowledged.is_set()
        log.unblock("changelog")
        await second.done()
    assert first.acknowledged.is_set()


async def test_states_that_gathered_while_others_were_written_are_written_together() -> None:
    """Of a run that changed more than once meanwhile, only the last state is written."""
    log = Log()
    log.block("changelog")
    batches = [garbage(number) for number in range(3)]
    with judging(log, effects(1), effects(2), effects(3)) as owner:
        for number, batch in enumerate(batches, 1):
            owner.accept(batch)
            await log.until(lambda said=number: len(log.of("verdicts")) == said)
        log.unblock("changelog")
        await batches[-1].done()
    assert log.of("changelog") == [OutRecord(b"key", b"state 1"), OutRecord(b"key", b"state 3")]
