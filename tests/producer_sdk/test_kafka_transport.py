"""Delivery to a real Kafka."""

from __future__ import annotations

import collections
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Literal

import pytest
from aiokafka import codec
from aiokafka.errors import NotLeaderForPartitionError
from opentelemetry import trace

from producer_sdk import act, bind_correlation_id, flush, initialize, shutdown, stats
from producer_sdk._transport import kafka_transport
from producer_sdk._transport.aiokafka_log import AiokafkaLog
from producer_sdk._transport.kafka_transport import KafkaTransport
from tests.producer_sdk.events_topic import PARTITIONS, EventsTopic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.shared_kafka import SharedKafka


@pytest.fixture
def topic(kafka: SharedKafka, topic_prefix: str) -> EventsTopic:
    """An events topic, and an SDK that will send to it once initialized."""
    return EventsTopic(kafka.bootstrap, topic_prefix)


def start(topic: EventsTopic) -> None:
    topic.create()
    initialize(topic.bootstrap, topic_prefix=topic.prefix)


def test_a_record_has_key_headers_and_the_event(topic: EventsTopic) -> None:
    start(topic)
    before = time.time_ns()
    act("pay", "checkout", "order-ä", {"amount": 1999})
    assert flush(30)
    [record] = topic.read(1)
    assert record.key == "order-ä".encode()
    assert record.event["node"] == "pay"
    assert record.event["data"] == {"amount": 1999}
    assert record.headers.keys() == {"content-type", "duly-sdk", "produced-at"}
    assert record.headers["content-type"] == b"application/json"
    assert record.headers["duly-sdk"].startswith(b"python/")
    assert before <= int(record.headers["produced-at"]) <= time.time_ns()


def test_the_context_of_a_call_is_in_the_headers_of_its_record_and_in_its_event(
    topic: EventsTopic,
) -> None:
    start(topic)
    context = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    traceparent = f"00-{0xABC:032x}-{0xDEF:016x}-01"
    with trace.use_span(trace.NonRecordingSpan(context)), bind_correlation_id("request-7"):
        act("pay", "checkout", "order-1")
    act("ship", "checkout", "order-1")
    assert flush(30)
    pay, ship = topic.read(2)
    assert pay.headers["correlation-id"] == b"request-7"
    assert pay.headers["traceparent"] == traceparent.encode()
    assert pay.event["correlation_id"] == "request-7"
    assert pay.event["traceparent"] == traceparent
    assert not {"correlation-id", "traceparent"} & ship.headers.keys()


def test_all_is_delivered_once_and_in_the_order_of_each_run(topic: EventsTopic) -> None:
    start(topic)
    runs, steps = 200, 100
    for step in range(steps):
        for run in range(runs):
            act(f"step-{step}", "checkout", f"order-{run}")
    assert flush(60)
    seen: dict[bytes, list[str]] = collections.defaultdict(list)
    partitions: dict[bytes, set[int]] = collections.defaultdict(set)
    for record in topic.read(runs * steps):
        seen[record.key].append(record.event["node"])
        partitions[record.key].add(record.partition)
    assert set(map(tuple, seen.values())) == {tuple(f"step-{step}" for step in range(steps))}
    assert {len(used) for used in partitions.values()} == {1}
    assert {number for used in partitions.values() for number in used} == set(range(PARTITIONS))
    assert stats().delivered == stats().recorded == runs * steps


def test_threads_record_at_once(topic: EventsTopic) -> None:
    start(topic)

    def record(thread: int) -> None:
        for step in range(500):
            act(f"step-{step}", "checkout", f"order-{thread}")

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flush(60)
    seen: dict[bytes, list[str]] = collections.defaultdict(list)
    for record_ in topic.read(8 * 500):
        seen[record_.key].append(record_.event["node"])
    assert set(map(tuple, seen.values())) == {tuple(f"step-{step}" for step in range(500))}


def test_shutdown_delivers_and_a_later_initialize_sends_again(topic: EventsTopic) -> None:
    start(topic)
    act("one", "checkout", "order-1")
    assert shutdown(30)
    initialize(topic.bootstrap, topic_prefix=topic.prefix)
    act("two", "checkout", "order-1")
    assert shutdown(30)
    assert topic.nodes(2) == ["one", "two"]
    assert stats().delivered == 2


def test_big_events_are_sent_in_batches_that_the_broker_takes(topic: EventsTopic) -> None:
    start(topic)
    for number in range(40):
        act(f"step-{number}", "checkout", "order-1", {"text": "x" * 200_000})
    assert flush(60)
    assert topic.nodes(40) == [f"step-{number}" for number in range(40)]


def test_a_broker_that_takes_less_gets_smaller_batches_and_only_the_giant_is_lost(
    topic: EventsTopic, lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    topic.create(max_bytes=20_000)
    initialize(topic.bootstrap, topic_prefix=topic.prefix)
    for number in range(20):
        size = 100_000 if number == 10 else 5_000
        act(f"step-{number}", "checkout", "order-1", {"text": "x" * size})
    assert flush(60)
    assert topic.nodes(19) == [f"step-{number}" for number in range(20) if number != 10]
    assert (stats().delivered, stats().dropped_too_big) == (19, 1)
    assert "the broker refused an event of 100" in caplog.text
    assert "events are delivered to Kafka" in caplog.text


def test_a_topic_that_is_not_there_yet_is_said_waited_for_and_not_created(
    topic: EventsTopic, caplog: pytest.LogCaptureFixture
) -> None:
    initialize(topic.bootstrap, topic_prefix=topic.prefix)
    act("one", "checkout", "order-1")
    assert not flush(1)
    assert f"the topic {topic.name} does not exist" in caplog.text
    assert "`duly topics apply`" in caplog.text
    topic.create()  # raises if the SDK has created it
    assert flush(30)
    assert topic.nodes(1) == ["one"]


def test_a_broker_that_is_down_at_start_is_tried_until_it_is_there(topic: EventsTopic) -> None:
    topic.create()
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    initialize(f"127.0.0.1:{port}", topic_prefix=topic.prefix)
    act("one", "checkout", "order-1")
    assert not flush(0.5)
    act("two", "checkout", "order-1")
    with Forwarder(port, topic.bootstrap):
        assert flush(30)
    assert topic.nodes(2) == ["one", "two"]


def test_a_producer_that_fails_is_replaced_and_its_records_are_sent_in_order(
    topic: EventsTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = KafkaTransport._send_batch
    failures = iter([True, False, True])

    async def sometimes(self: KafkaTransport, *arguments: object) -> None:
        if next(failures, False):
            raise NotLeaderForPartitionError
        await send(self, *arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(KafkaTransport, "_send_batch", sometimes)
    start(topic)
    for number in range(100):
        act(f"step-{number}", "checkout", "order-1")
        if number % 10 == 0:
            flush(0.02)
    assert flush(30)
    assert topic.nodes(100) == [f"step-{number}" for number in range(100)]


def test_a_topic_that_is_made_anew_with_fewer_partitions_gets_what_waits(
    topic: EventsTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_transport, "_ACKNOWLEDGE_S", 1.0)
    topic.create()
    initialize(topic.bootstrap, topic_prefix=topic.prefix)
    act("first", "checkout", "order-0")
    assert flush(30)
    topic.delete()
    for number in range(50):
        act(f"step-{number}", "checkout", f"order-{number}")
    assert not flush(1.5)
    topic.create(partitions=1)
    assert flush(60)
    assert topic.nodes(50) == [f"step-{number}" for number in range(50)]


def test_what_the_producer_says_stays_out_of_the_log_of_the_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    initialize(f"127.0.0.1:{port}")
    act("one", "checkout", "order-1")
    assert not flush(1.5)
    assert {record.name for record in caplog.records} == {"producer_sdk"}
    assert len(caplog.records) == 1
    assert f"events are not delivered to Kafka at 127.0.0.1:{port}" in caplog.text
    assert "Connect call failed" in caplog.text  # the cause, which only aiokafka's log tells


def test_aiokafka_logs_to_the_host_again_once_the_sdk_is_shut_down(
    topic: EventsTopic, caplog: pytest.LogCaptureFixture
) -> None:
    start(topic)
    act("one", "checkout", "order-1")
    assert flush(30)
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    theirs = [logger for logger in loggers if logger.name.startswith("aiokafka.")]
    assert [logger for logger in theirs if logger.filters] == theirs
    assert shutdown(30)
    assert [logger for logger in theirs if logger.filters] == []


def run_in_thread(function: Callable[[], None]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_a_thread_of_the_host_logs_though_it_has_the_id_of_one_of_the_sdk(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids: list[int] = []
    filters: list[AiokafkaLog] = []

    def quiet() -> None:
        ids.append(threading.get_ident())
        filters.append(AiokafkaLog())
        logging.getLogger("aiokafka.conn").error("of the SDK")

    def speak() -> None:
        ids.append(threading.get_ident())
        if ids[-1] == ids[0]:
            logging.getLogger("aiokafka.conn").error("of the host")

    run_in_thread(quiet)
    # An id is free again only when its thread has ended, which is shortly after `join` returns.
    while len(ids) == 1 or (ids[-1] != ids[0] and len(ids) < 1_000):
        run_in_thread(speak)
    filters[0].close()
    assert ids[-1] == ids[0]
    assert caplog.messages == ["of the host"]


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_events_arrive(topic: EventsTopic, compression: Literal["gzip"]) -> None:
    topic.create()
    initialize(topic.bootstrap, topic_prefix=topic.prefix, compression=compression)
    for number in range(50):
        act(f"step-{number}", "checkout", "order-1", {"text": "x" * 1_000})
    assert flush(30)
    assert topic.nodes(50) == [f"step-{number}" for number in range(50)]


def test_a_compression_that_is_not_installed_is_said_and_done_without(
    topic: EventsTopic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(codec, "has_lz4", lambda: False)
    topic.create()
    initialize(topic.bootstrap, topic_prefix=topic.prefix, compression="lz4")
    act("one", "checkout", "order-1")
    assert flush(30)
    assert "compression lz4 needs the package cramjam" in caplog.text


def test_authorities_that_cannot_be_read_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = tmp_path / "missing.pem"
    initialize("127.0.0.1:1", ssl_ca=missing)
    act("one", "checkout", "order-1")
    assert not flush(0.5)
    assert (
        f"the certificate authorities in {missing} cannot be used: [Errno 2] No such file"
        in caplog.text
    )


class Forwarder:
    """Passes the connections of one port on to a server: that port is up while this is open."""

    def __init__(self, port: int, server: str) -> None:
        host, _, server_port = server.rpartition(":")
        self._target = (host, int(server_port))
        self._listener = socket.create_server(("127.0.0.1", port))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> None:
        self._threads[0].start()

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connected in self._sockets:
            connected.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                thread = threading.Thread(target=_pass_on, args=(source, target), daemon=True)
                thread.start()
                self._threads.append(thread)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(65_536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # closed by the other side, or by us
        return
