"""Emit, remember, commit, in that order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from schemas.headers import GENERATION, OFFSET, PRODUCED_AT
from streams.agents.events.outbox import Outbox, Work
from streams.engine.records import Judged, VerdictOut
from streams.kafka.rows import OutRecord
from tests.support.log_in_memory import DESTINATIONS, Log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PARTITION = 3


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
async def remembered() -> list[int]:
    return []


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
async def outbox(log: Log, remembered: list[int], commits: Commits) -> AsyncGenerator[Outbox]:
    outbox = Outbox(
        PARTITION,
        DESTINATIONS,
        append=log.append,
        generation=lambda: 7,
        remembered=remembered.append,
        committed=commits,
    )
    tasks = [asyncio.create_task(outbox.emit()), asyncio.create_task(outbox.remember())]
    yield outbox
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def work(done: asyncio.Event, *, number: int = 1) -> Work:
    judged = Judged(
        verdicts=[VerdictOut(b"run", b"verdict %d" % number, "passed", "event", 0)],
        states=[(b"key", b"state %d" % number, number)],
        learned=[(b"shop/pay", b"lesson")],
    )
    return Work(judged, [OutRecord(b"bad", b"bytes")], done.set)


async def finish(done: asyncio.Event) -> None:
    await asyncio.wait_for(done.wait(), 10)


async def test_all_effects_go_where_they_belong(
    outbox: Outbox, log: Log, remembered: list[int]
) -> None:
    done = asyncio.Event()
    outbox.put(work(done))
    await finish(done)
    assert [(topic, partition) for topic, partition, _ in log.written] == [
        ("dead-letters", PARTITION),
        ("verdicts", PARTITION),
        ("definitions", 0),
        ("changelog", PARTITION),
    ]
    assert remembered == [0]


async def test_a_verdict_says_when_and_in_which_generation_it_was_written(
    outbox: Outbox, log: Log
) -> None:
    done = asyncio.Event()
    outbox.put(work(done))
    await finish(done)
    (verdict,) = log.of("verdicts")
    about = dict(verdict.headers)
    assert about[GENERATION] == b"7"
    assert int(about[PRODUCED_AT]) > 1_700_000_000_000_000_000


@pytest.mark.parametrize("topic", ["verdicts", "dead-letters", "definitions"])
async def test_no_state_is_written_before_all_that_was_said_is_acknowledged(
    outbox: Outbox, log: Log, topic: str
) -> None:
    log.stop(topic)
    done = asyncio.Event()
    outbox.put(work(done))
    await log.until(lambda: len({to for to, _, _ in log.written}) == 2)
    assert log.of("changelog") == []
    log.resume(topic)
    await finish(done)
    assert len(log.of("changelog")) == 1


async def test_nothing_is_committed_before_its_state_is_acknowledged(
    outbox: Outbox, log: Log
) -> None:
    log.stop("changelog")
    done = asyncio.Event()
    outbox.put(work(done))
    await log.until(lambda: len(log.of("verdicts")) == 1)
    assert not done.is_set()
    log.resume("changelog")
    await finish(done)


async def test_verdicts_of_later_batches_do_not_wait_for_states_of_earlier_ones(
    outbox: Outbox, log: Log
) -> None:
    log.stop("changelog")
    first, second = asyncio.Event(), asyncio.Event()
    outbox.put(work(first, number=1))
    await log.until(lambda: len(log.of("verdicts")) == 1)
    outbox.put(work(second, number=2))
    await log.until(lambda: len(log.of("verdicts")) == 2)
    assert not first.is_set()
    log.resume("changelog")
    await finish(second)
    assert first.is_set()


async def test_of_a_run_that_changed_twice_only_the_last_state_is_written(
    outbox: Outbox, log: Log
) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    outbox.put(work(first, number=1))
    outbox.put(work(second, number=2))
    await finish(second)
    assert log.of("changelog") == [OutRecord(b"key", b"state 2")]


# --- tombstones, which wait for the commit of what they bury


class Commits:
    offset = 0

    def __call__(self) -> int:
        return self.offset


async def change(outbox: Outbox, *states: tuple[bytes, bytes | None, int]) -> None:
    done = asyncio.Event()
    outbox.put(Work(Judged(states=list(states)), [], done.set))
    await finish(done)


def tombstone(key: bytes, offset: int) -> OutRecord:
    return OutRecord(key, None, [(OFFSET, b"%d" % offset)])


async def test_a_tombstone_waits_until_its_source_is_committed_and_carries_its_offset(
    outbox: Outbox, log: Log, commits: Commits
) -> None:
    """Before, a crash would read the last events of the run again, without the run."""
    await change(outbox, (b"old", b"closed", 40), (b"old", None, 41))
    commits.offset = 41
    await change(outbox, (b"other", b"1", 42))
    assert log.of("changelog") == [OutRecord(b"old", b"closed"), OutRecord(b"other", b"1")]
    commits.offset = 42
    await change(outbox, (b"other", b"2", 43))
    assert log.of("changelog")[2:] == [OutRecord(b"other", b"2"), tombstone(b"old", 41)]
    await change(outbox, (b"other", b"3", 44))
    assert log.of("changelog")[4:] == [OutRecord(b"other", b"3")]


async def test_a_run_that_opens_again_is_not_buried_by_a_tombstone_that_waited(
    outbox: Outbox, log: Log, commits: Commits
) -> None:
    await change(outbox, (b"run", None, 41))
    await change(outbox, (b"run", b"reopened", 42))
    commits.offset = 100
    await change(outbox, (b"other", b"1", 43))
    assert log.of("changelog") == [OutRecord(b"run", b"reopened"), OutRecord(b"other", b"1")]
