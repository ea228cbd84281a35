"""What a worker refuses to start on: it says what is wrong and what to do, and ends."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.topics import EVENTS
from streams.errors import EXIT_BROKER, EXIT_SETTINGS
from streams.kafka.topics import full_name
from tests.support.deployment import PARTITIONS, Deployment

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.shared_kafka import SharedKafka
    from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.xdist_group("e2e-refusals")


@pytest.fixture
def bare(kafka: SharedKafka, tmp_path: Path) -> Generator[Deployment]:
    """A deployment of which nothing exists yet."""
    made = Deployment(kafka.bootstrap, tmp_path)
    yield made
    made.remove()


async def _create_events(bare: Deployment, partitions: int, **config: str) -> None:
    topic = NewTopic(full_name(EVENTS, bare.settings), partitions, 1, topic_configs=config)
    admin = AIOKafkaAdminClient(bootstrap_servers=bare.settings.broker)
    await admin.start()
    try:
        await admin.create_topics([topic])
    finally:
        await admin.close()


def _refusal(worker: WorkerProcess) -> tuple[int, str]:
    worker.start()
    try:
        return worker.wait_until_ended(), worker.log
    finally:
        worker.close()


def test_a_broker_that_is_not_there(tmp_path: Path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        code, log = _refusal(Deployment(address, tmp_path).worker())

    assert code == EXIT_BROKER
    assert f"no Kafka broker serves us at {address}" in log
    assert "DULY_BROKER" in log


async def test_a_topic_with_another_number_of_partitions(bare: Deployment):
    config = {"message.timestamp.type": "LogAppendTime"}
    await _create_events(bare, PARTITIONS + 1, **config)
    code, log = _refusal(bare.worker())

    assert code == EXIT_BROKER
    assert f"has {PARTITIONS + 1} partitions, this worker needs {PARTITIONS}" in log
    assert f"DULY_PARTITIONS={PARTITIONS + 1}" in log


async def test_a_topic_without_log_append_time(bare: Deployment):
    await _create_events(bare, PARTITIONS)
    code, log = _refusal(bare.worker())

    assert code == EXIT_BROKER
    assert "deadlines need LogAppendTime" in log


def test_settings_that_are_wrong(bare: Deployment):
    code, log = _refusal(bare.worker(DULY_PARTITIONS="many", DULY_SASL_USERNAME="somebody"))

    assert code == EXIT_SETTINGS
    assert "DULY_PARTITIONS" in log
    assert "'many'" in log
