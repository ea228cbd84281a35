"""A real Apache Kafka: what a test may do to it, and what it keeps through that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.dev_broker import start_broker
from streams.dev_broker.ports import answers
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from streams.dev_broker import Broker

pytestmark = pytest.mark.kafka
TOPIC = "letters"


async def create_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()


async def produce(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(TOPIC, value)


async def consume(bootstrap: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        return [(await consumer.getone()).value or b"" for _ in range(count)]


def serves(broker: Broker, timeout_s: float) -> bool:
    host, _, port = broker.bootstrap.partition(":")
    return answers(host, int(port), timeout_s)


async def test_it_keeps_records_and_address_through_kill_stop_and_restart(
    own_kafka: Broker,
) -> None:
    address = own_kafka.bootstrap
    await create_topic(address)
    await produce(address, b"a")
    own_kafka.kill()
    assert not serves(own_kafka, 1)
    own_kafka.restart()
    await produce(address, b"b")
    own_kafka.stop()
    own_kafka.restart()
    assert await consume(address, 2) == [b"a", b"b"]
    assert own_kafka.bootstrap == address


def test_a_frozen_one_is_silent_until_it_thaws(own_kafka: Broker) -> None:
    own_kafka.pause()
    assert not serves(own_kafka, 0.5)
    own_kafka.resume()
    assert serves(own_kafka, 10)


def test_nothing_of_it_is_left_after_close() -> None:
    before = set(psutil.Process().children(recursive=True))
    with start_broker("apache", ROOT / ".duly"):
        started = set(psutil.Process().children(recursive=True)) - before
        assert [process.name() for process in started] == ["java"]
    assert not any(process.is_running() for process in started)


async def test_two_of_them_do_not_meet(own_kafka: Broker) -> None:
    with start_broker("apache", ROOT / ".duly") as other:
        await create_topic(own_kafka.bootstrap)
        admin = AIOKafkaAdminClient(bootstrap_servers=other.bootstrap)
        await admin.start()
        assert TOPIC not in await admin.list_topics()
        await admin.close()
