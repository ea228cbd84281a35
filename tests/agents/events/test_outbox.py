"""The records that an outbox writes: verdicts with their headers, states, tombstones."""

from __future__ import annotations

import pytest

from schemas.headers import GENERATION, OFFSET, PRODUCED_AT
from streams.agents.events.outbox import Outbox, Work
from streams.engine.records import Judged, VerdictOut
from streams.kafka.rows import OutRecord
from tests.support.log_in_memory import DESTINATIONS, Log

PARTITION = 3


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
def remembered() -> list[int]:
    return []


@pytest.fixture
def outbox(log: Log, remembered: list[int]) -> Outbox:
    return Outbox(PARTITION, DESTINATIONS, log, remembered=remembered.append)


def work(*, number: int = 1) -> Work:
    judged = Judged(
        verdicts=[VerdictOut(b"run", b"verdict %d" % number, "passed", "event", 0)],
        states=[(b"key", b"state %d" % number, number)],
        learned=[(b"shop/pay", b"lesson")],
    )
    return Work(judged, [OutRecord(b"bad", b"bytes")], [])


async def test_a_verdict_says_when_and_in_which_generation_it_was_written(
    outbox: Outbox, log: Log
) -> None:
    await outbox.emit([work()])
    (verdict,) = log.of("verdicts")
    about = dict(verdict.headers)
    assert about[GENERATION] == b"7"
    assert int(about[PRODUCED_AT]) > 1_700_000_000_000_000_000


async def test_works_that_leave_together_keep_their_order(outbox: Outbox, log: Log) -> None:
    await outbox.emit([work(number=1), work(number=2)])
    assert [verdict.value for verdict in log.of("verdicts")] == [b"verdict 1", b"verdict 2"]


async def test_of_a_run_that_changed_twice_only_the_last_state_is_written(
    outbox: Outbox, log: Log, remembered: list[int]
) -> None:
    await outbox.remember([work(number=1), work(number=2)])
    assert log.of("changelog") == [OutRecord(b"key", b"state 2")]
    assert remembered == [0]


async def test_where_nothing_changed_nothing_is_remembered(
    outbox: Outbox, remembered: list[int]
) -> None:
    await change(outbox)
    assert remembered == []


# --- tombstones, which wait for the commit of what they remove


async def change(outbox: Outbox, *states: tuple[bytes, bytes | None, int]) -> None:
    await outbox.remember([Work(Judged(states=list(states)), [], [])])


def tombstone(key: bytes, offset: int) -> OutRecord:
    return OutRecord(key, None, [(OFFSET, b"%d" % offset)])


async def test_a_tombstone_waits_until_its_source_is_committed_and_carries_its_offset(
    outbox: Outbox, log: Log
) -> None:
    """Before, a crash would read the last events of the run again, without the run."""
    await change(outbox, (b"old", b"closed", 40), (b"old", None, 41))
    log.committed_offset = 41
    await change(outbox, (b"other", b"1", 42))
    assert log.of("changelog") == [OutRecord(b"old", b"closed"), OutRecord(b"other", b"1")]
    log.committed_offset = 42
    await change(outbox, (b"other", b"2", 43))
    assert log.of("changelog")[2:] == [OutRecord(b"other", b"2"), tombstone(b"old", 41)]
    await change(outbox, (b"other", b"3", 44))
    assert log.of("changelog")[4:] == [OutRecord(b"other", b"3")]


async def test_a_run_that_opens_again_is_not_removed_by_a_tombstone_that_waited(
    outbox: Outbox, log: Log
) -> None:
    await change(outbox, (b"run", None, 41))
    await change(outbox, (b"run", b"reopened", 42))
    log.committed_offset = 100
    await change(outbox, (b"other", b"1", 43))
    assert log.of("changelog") == [OutRecord(b"run", b"reopened"), OutRecord(b"other", b"1")]
