"""The worker's thread: it delivers whatever happens to its transport, and ends when told."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from producer_sdk import _delivery
from producer_sdk._counters import Counters
from producer_sdk._delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from producer_sdk._config import Config
    from producer_sdk._queue import EventQueue

    MakeConfig = Callable[..., Config]


class ListTransport:
    """Delivers to a list."""

    def __init__(self, queue: EventQueue, delivered: list[bytes]) -> None:
        self.queue = queue
        self.delivered = delivered
        self.closed = threading.Event()

    async def drain(self) -> None:
        records = self.queue.take(1_000, 1 << 30)
        self.delivered += [value for _, (_, value) in records]
        self.queue.settle(records, "delivered", None)

    async def close(self) -> None:
        self.closed.set()


class Failing(ListTransport):
    """Fails three times before it delivers."""

    failures = 0

    async def drain(self) -> None:
        if self.failures < 3:
            self.failures += 1
            raise RuntimeError("a defect")
        await super().drain()


class Stuck(ListTransport):
    """Never delivers."""

    async def drain(self) -> None:
        self.queue.take(1, 1)
        await asyncio.Event().wait()


@pytest.fixture
def delivered() -> list[bytes]:
    return []


@pytest.fixture
def open_delivery(
    make_config: MakeConfig, delivered: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> Generator[Callable[..., Delivery]]:
    monkeypatch.setattr(_delivery, "_PAUSE_AFTER_DEFECT_S", 0)
    opened: list[Delivery] = []

    def open_(kind: type[ListTransport] = ListTransport) -> Delivery:
        delivery = Delivery(
            make_config(), Counters(), lambda _, queue: kind(queue, delivered), lambda: None
        )
        opened.append(delivery)
        return delivery

    yield open_
    for delivery in opened:
        delivery.close(0)


def test_records_are_delivered_in_order(
    open_delivery: Callable[..., Delivery], delivered: list[bytes]
) -> None:
    delivery = open_delivery()
    for number in range(100):
        delivery.put((b"key", b"%d" % number))
    assert delivery.flush(10)
    assert delivered == [b"%d" % number for number in range(100)]
    assert delivery.waiting() == 0


def test_a_defect_of_the_transport_is_logged_and_delivery_goes_on(
    open_delivery: Callable[..., Delivery],
    delivered: list[bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    delivery = open_delivery(Failing)
    delivery.put((b"key", b"value"))
    assert delivery.flush(10)
    assert delivered == [b"value"]
    assert (
        caplog.messages
        == ["delivery failed because of a defect of the SDK; it resumes in a second"] * 3
    )


def test_a_transport_that_cannot_be_opened_is_said_and_holds_up_nobody(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    ended = threading.Event()

    def cannot(*_: object) -> ListTransport:
        ended.set()
        raise ImportError("no aiokafka")

    delivery = Delivery(make_config(), Counters(), cannot, lambda: None)
    delivery.put((b"key", b"value"))
    assert ended.wait(10)
    assert not delivery.close(0)
    assert "the delivery of events ended because of a defect of the SDK" in caplog.text


def test_close_ends_a_delivery_that_is_stuck_and_counts_what_is_lost(
    make_config: MakeConfig, delivered: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    counters = Counters()
    transports: list[Stuck] = []

    def open_stuck(_: Config, queue: EventQueue) -> Stuck:
        transports.append(Stuck(queue, delivered))
        return transports[0]

    delivery = Delivery(make_config(), counters, open_stuck, lambda: None)
    for _ in range(3):
        delivery.put((b"key", b"value"))
    assert not delivery.flush(0.05)
    assert not delivery.close(0.05)
    assert transports[0].closed.is_set()
    assert counters.snapshot(0).dropped_at_shutdown == 3
    assert "0.1 s were not enough to deliver all events at shutdown, 3 are lost" in caplog.text


def test_the_thread_starts_with_the_first_record_and_ends_with_close(
    open_delivery: Callable[..., Delivery],
) -> None:
    def alive() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "duly-sdk"]

    before = alive()
    delivery = open_delivery()
    assert alive() == before
    delivery.put((b"key", b"value"))
    [thread] = [thread for thread in alive() if thread not in before]
    assert thread.daemon
    assert delivery.close(10)
    assert not thread.is_alive()


def test_flush_does_not_wait_where_nobody_delivers(
    make_config: MakeConfig, open_delivery: Callable[..., Delivery]
) -> None:
    unused = open_delivery()
    assert unused.flush(60)
    unused._queue.put((b"key", b"value"))  # as where no thread can start any more
    assert not unused.flush(60)


def test_a_record_that_comes_after_close_is_counted_and_starts_nothing(
    make_config: MakeConfig, delivered: list[bytes]
) -> None:
    counters = Counters()
    delivery = Delivery(
        make_config(), counters, lambda _, queue: ListTransport(queue, delivered), lambda: None
    )
    delivery.close(1)
    before = threading.active_count()
    delivery.put((b"key", b"value"))
    assert threading.active_count() == before
    assert counters.snapshot(0).dropped_at_shutdown == 1


def test_many_threads_start_one_thread(
    open_delivery: Callable[..., Delivery], delivered: list[bytes]
) -> None:
    delivery = open_delivery()
    together = threading.Barrier(16)
    before = threading.active_count()

    def put() -> None:
        together.wait()
        delivery.put((b"key", b"value"))

    threads = [threading.Thread(target=put) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert threading.active_count() == before + 1
    assert delivery.flush(10)
    assert len(delivered) == 16


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # that fork is fragile
def test_a_forked_child_sends_its_own_records_and_none_of_its_parent(
    open_delivery: Callable[..., Delivery], delivered: list[bytes]
) -> None:
    delivery = open_delivery()
    delivery.put((b"key", b"parent 1"))
    assert delivery.flush(10)
    with delivery._queue._ledger:  # as a thread may hold it that the child does not have
        delivery._queue._inbox.append((b"key", b"parent 2"))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            delivered.clear()
            inherited = delivery.after_fork()
            inherited.put((b"key", b"child"))
            done = inherited.flush(10)
            os.write(writing, b"|".join([b"%d" % done, *delivered]))
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 100) == b"1|child"
    os.close(reading)
    delivery._queue.wakeup.set()
    assert delivery.flush(10)
    assert delivered == [b"parent 1", b"parent 2"]
