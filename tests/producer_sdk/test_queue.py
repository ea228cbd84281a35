"""The queue: bounded, in order, and never waited for by those who fill it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from producer_sdk._counters import Counters
from producer_sdk._queue import RECORD_OVERHEAD_BYTES, EventQueue
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    MakeQueue = Callable[..., EventQueue]

ALL = 1 << 30


def record(number: int, size: int = 0) -> tuple[bytes, bytes]:
    return b"%d" % number, b"x" * size


def numbers(queue: EventQueue) -> list[int]:
    return [int(key) for _, (key, _) in queue.take(ALL, ALL)]


def dropped(queue: EventQueue) -> int:
    return queue._counts["dropped_queue_full"]


def test_records_come_out_in_the_order_they_went_in(make_queue: MakeQueue) -> None:
    queue = make_queue()
    for number in range(10):
        queue.put(record(number))
    assert [number for number, _ in queue.take(4, ALL)] == [0, 1, 2, 3]
    assert numbers(queue) == [4, 5, 6, 7, 8, 9]


def test_the_oldest_are_dropped_when_there_are_too_many(make_queue: MakeQueue) -> None:
    queue = make_queue(max_events=3)
    for number in range(10):
        queue.put(record(number))
    assert dropped(queue) == 7
    assert numbers(queue) == [7, 8, 9]


def test_the_oldest_are_dropped_when_they_take_too_much_memory(make_queue: MakeQueue) -> None:
    each = 1 + 1000 + RECORD_OVERHEAD_BYTES
    queue = make_queue(max_bytes=3 * each)
    for number in range(9):
        queue.put(record(number, 1000))
    assert dropped(queue) == 6
    assert numbers(queue) == [6, 7, 8]


def test_records_on_their_way_take_room_until_they_are_settled(make_queue: MakeQueue) -> None:
    queue = make_queue(max_events=3)
    for number in range(3):
        queue.put(record(number))
    on_way = queue.take(2, ALL)
    queue.put(record(3))
    assert dropped(queue) == 1  # of what is still here: 2
    queue.settle(on_way, "delivered", None)
    for number in range(4, 6):
        queue.put(record(number))
    assert dropped(queue) == 1
    assert numbers(queue) == [3, 4, 5]


def test_take_stops_after_enough_bytes_but_takes_one_at_least(make_queue: MakeQueue) -> None:
    queue = make_queue()
    for number in range(3):
        queue.put(record(number, 1_000))
    assert len(queue.take(ALL, 1)) == 1
    assert len(queue.take(ALL, 1_200)) == 2


def test_a_full_queue_is_logged_seldom_with_what_to_look_at(
    make_queue: MakeQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queue = make_queue(max_events=1)
    for number in range(100):
        queue.put(record(number))
    [message] = caplog.messages
    assert "the oldest are dropped" in message
    assert "is the broker reachable" in message


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["put", "take", "settle"])), st.integers(1, 5))
def test_every_record_is_somewhere_and_in_order(steps: list[str], bound: int) -> None:
    counters = Counters()
    queue = EventQueue(bound, ALL, counters)
    put, out = 0, [-1]
    on_way = queue.take(ALL, ALL)
    for step in steps:
        if step == "put":
            queue.put(record(put))
            put += 1
        elif step == "take":
            new = queue.take(2, ALL)
            out += [int(key) for _, (key, _) in new]
            on_way += new
        else:
            queue.settle(on_way, "delivered", None)
            on_way = []
        stats = counters.snapshot(len(queue))
        assert stats.recorded == put
        assert stats.waiting <= bound + len(on_way)
    assert out == sorted(out)


# --- many threads


def test_nothing_is_lost_or_mixed_up_between_threads(make_queue: MakeQueue) -> None:
    queue = make_queue(max_events=ALL, max_bytes=ALL)
    together = threading.Barrier(9)
    each = 5_000

    def fill(thread: int) -> None:
        together.wait()
        for number in range(each):
            queue.put((b"%d" % thread, b"%d" % number))

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    together.wait()
    seen: dict[bytes, list[int]] = {}
    while sum(map(len, seen.values())) < 8 * each:
        queue.wakeup.wait()
        for _, (key, value) in queue.take(ALL, ALL):
            seen.setdefault(key, []).append(int(value))
    for thread in threads:
        thread.join()
    assert set(map(tuple, seen.values())) == {tuple(range(each))}


def test_put_goes_on_while_another_thread_holds_the_ledger(make_queue: MakeQueue) -> None:
    queue = make_queue(max_events=2)
    with queue._ledger:
        for number in range(3):
            queue.put(record(number))
        assert len(queue) == 3
    queue.put(record(3))
    assert numbers(queue) == [2, 3]


def test_a_signal_handler_may_record_wherever_it_interrupts(make_queue: MakeQueue) -> None:
    queue = make_queue(max_events=ALL, max_bytes=ALL)
    put = 0

    def handler(*_: object) -> None:
        nonlocal put
        queue.put(record(put))
        put += 1

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(50_000):
            queue.put(record(0))
            queue.take(10, ALL)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert put > 0
    queue.take(ALL, ALL)
    assert queue._number == 50_000 + put


# --- waiting


def test_wait_returns_for_a_record_that_came_before(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.put(record(0))
    queue.wakeup.wait()
    assert not queue.is_drained()


def test_wait_returns_for_a_record_that_comes_later(make_queue: MakeQueue) -> None:
    queue = make_queue()
    waiter = threading.Thread(target=queue.wakeup.wait)
    waiter.start()
    queue.put(record(0))
    waiter.join(10)
    assert not waiter.is_alive()


def test_flush_waits_for_what_is_here_and_not_for_what_comes_later(make_queue: MakeQueue) -> None:
    queue = make_queue()
    queue.put(record(0))
    queue.wakeup.wait()

    def deliver() -> None:
        queue.wakeup.wait()  # until flush knows what it waits for
        first = queue.take(1, ALL)
        queue.put(record(1))
        second = queue.take(1, ALL)
        queue.settle(first, "delivered", second[0][0])

    worker = threading.Thread(target=deliver)
    worker.start()
    assert queue.flush(10)
    worker.join()
    assert len(queue) == 1
    assert not queue.flush(0)


def test_flush_waits_for_an_older_record_whatever_newer_ones_are_settled(
    make_queue: MakeQueue,
) -> None:
    queue = make_queue()
    queue.put(record(0))
    queue.put(record(1))
    older, newer = queue.take(2, ALL)
    queue.settle([newer], "delivered", older[0])
    assert not queue.flush(0)
    queue.settle([older], "delivered", None)
    assert queue.flush(0)


def test_flush_in_a_signal_handler_gets_past_the_thread_it_interrupted(
    make_queue: MakeQueue,
) -> None:
    queue = make_queue()
    with queue._ledger:
        assert queue.flush(0)


def test_what_is_given_up_is_counted_once(make_queue: MakeQueue) -> None:
    queue = make_queue()
    for number in range(5):
        queue.put(record(number))
    on_way = queue.take(2, ALL)
    assert queue.abandon() == 5
    queue.settle(on_way, "delivered", None)
    queue.put(record(5))  # by a thread that was just about to
    assert (queue._counts["dropped_at_shutdown"], queue._counts["delivered"]) == (6, 0)
    assert dropped(queue) == len(queue) == 0


WAITING = """
import psutil
from producer_sdk import act, initialize, stats

own = psutil.Process()
initialize("localhost:1")
for number in range(1_000):
    act("a", "f", f"run-{number}", {"x": number})
before = own.memory_info().rss
for number in range(50_000):
    act("a", "f", f"run-{number}", {"x": number})
print((own.memory_info().rss - before) // 50_000, stats().waiting)
"""


def test_an_event_that_waits_takes_hardly_more_memory_than_it_is_counted_with() -> None:
    # In a process of its own, which has no memory left over that could be used again.
    run = subprocess.run(
        [sys.executable, "-c", WAITING], capture_output=True, check=True, cwd=ROOT, text=True
    )
    bytes_each, waiting = map(int, run.stdout.split())
    assert waiting == 51_000
    assert 150 < bytes_each < 1_000  # what orjson returns takes 4 000
