"""The worker as a process: what it judges, what stops it, with which exit code."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.headers import GENERATION, PRODUCED_AT
from schemas.partitioning import murmur2_partition
from schemas.v1.dead_letter import DeadLetter
from streams.faust_batches.lease import SESSION_SHARE
from tests.support.workers import DULY, PARTITIONS, shop, worker

if TYPE_CHECKING:
    from pathlib import Path

    from streams.dev_broker import Broker
    from tests.support.shared_kafka import SharedKafka

SESSION_MS = 6_000


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


async def create(kafka: SharedKafka, topic: str, partitions: int, **config: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config)])
    finally:
        await admin.close()


# --- what it does


async def test_it_creates_its_topics_judges_and_stops_with_0(
    kafka: SharedKafka, topic_prefix: str
) -> None:
    async with worker(kafka.bootstrap, topic_prefix) as judge:
        await judge.ready()
        async with shop(kafka.bootstrap, topic_prefix) as flow:
            await flow.pay("run-1")
            await flow.ship("run-1")
            verdict = await flow.verdict("run-1")
            (record,) = flow.heard["flow-verdicts.v1"]
        assert (verdict["status"], verdict["revision"]) == ("passed", 1)
        assert record.key == b"run-1"
        assert record.partition == murmur2_partition(b"run-1", PARTITIONS)
        about = dict(record.headers)
        assert int(about[GENERATION]) >= 1
        assert abs(int(about[PRODUCED_AT]) - time.time_ns()) < 60e9
        judge.signal(signal.SIGTERM)
        assert await judge.ended() == 0
    ours = [line for line in judge.lines if line["logger"].startswith("streams.")]
    assert ours
    assert not [line for line in ours if line["level"] not in {"debug", "info"}]


async def test_duly_worker_is_the_same_worker(kafka: SharedKafka, topic_prefix: str) -> None:
    async with worker(kafka.bootstrap, topic_prefix, program=DULY) as judge:
        await judge.ready()
        judge.signal(signal.SIGINT)
        assert await judge.ended() == 0


async def test_R20_garbage_is_a_dead_letter_and_the_stream_goes_on(
    kafka: SharedKafka, topic_prefix: str
) -> None:
    async with worker(kafka.bootstrap, topic_prefix) as judge:
        await judge.ready()
        async with shop(kafka.bootstrap, topic_prefix) as flow:
            sent = await flow.send(b"\x00 garbage", b"run-1")
            await flow.pay("run-1")
            await flow.ship("run-1")
            await flow.verdict("run-1", status="passed")
            letter = await flow.hear("flow-dead-letters.v1", lambda _record: True)
        await judge.logged("dead letters", reasons={"not_json": 1})
    about = DeadLetter.from_headers(letter.headers)
    assert (letter.key, letter.value) == (b"run-1", b"\x00 garbage")
    assert (about.reason, about.source_offset) == ("not_json", sent.offset)
    assert "garbage" not in json.dumps(judge.lines)


async def test_a_run_survives_the_kill_of_its_worker(kafka: SharedKafka, topic_prefix: str) -> None:
    async with worker(kafka.bootstrap, topic_prefix, instance_id="w1") as first:
        await first.ready()
        async with shop(kafka.bootstrap, topic_prefix) as flow:
            said = await flow.ship_unpaid("run-1")
            await first.kill()
            async with worker(kafka.bootstrap, topic_prefix, instance_id="w1") as second:
                await second.ready()
                again = await flow.pay_late("run-1")
    assert again["opened_at_ns"] == said["opened_at_ns"]
    assert (again["revision"], again["supersedes"]) == (2, said["verdict_id"])


# --- what stops it


async def test_a_wrong_setting_ends_it_with_2_and_its_name(nobody: str) -> None:
    async with worker(nobody, "x-", partitions="many", sasl_username="somebody") as judge:
        assert await judge.ended() == 2
    assert "DULY_PARTITIONS" in judge.stderr
    assert "'many'" in judge.stderr


async def test_a_schemas_file_of_the_users_ends_it_with_2_and_the_name_of_the_file(
    nobody: str, tmp_path: Path
) -> None:
    foreign = tmp_path / "schemas.py"
    foreign.write_text("raise SystemExit('imported')\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {DULY}"
    async with worker(nobody, "x-", program=program, cwd=tmp_path) as judge:
        assert await judge.ended() == 2
    assert str(foreign) in judge.stderr
    assert "imported" not in judge.stderr


async def test_a_broker_that_is_not_there_ends_it_with_4_and_its_address(nobody: str) -> None:
    async with worker(nobody, "x-") as judge:
        assert await judge.ended() == 4
    assert nobody in judge.stderr
    assert "DULY_BROKER" in judge.stderr


async def test_a_wrong_partition_count_ends_it_with_4(
    kafka: SharedKafka, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}flow-events.v1"
    await create(kafka, topic, 3, **{"message.timestamp.type": "LogAppendTime"})
    async with worker(kafka.bootstrap, topic_prefix) as judge:
        assert await judge.ended() == 4
    assert f"{topic}: has 3 partitions, this worker needs {PARTITIONS}" in judge.stderr
    assert "DULY_PARTITIONS=3" in judge.stderr


async def test_a_topic_without_log_append_time_ends_it_with_4_unless_that_is_allowed(
    kafka: SharedKafka, topic_prefix: str
) -> None:
    await create(kafka, f"{topic_prefix}flow-events.v1", PARTITIONS)
    async with worker(kafka.bootstrap, topic_prefix) as judge:
        assert await judge.ended() == 4
    assert "LogAppendTime" in judge.stderr
    async with worker(kafka.bootstrap, topic_prefix, allow_create_time="true") as judge:
        await judge.ready()


async def test_a_changelog_that_holds_no_states_ends_it_with_70(
    kafka: SharedKafka, topic_prefix: str
) -> None:
    changelog = f"{topic_prefix}app-runs-changelog"
    await create(kafka, changelog, PARTITIONS)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(changelog, b"no state", key=b"shop\0run-1")
    async with worker(kafka.bootstrap, topic_prefix) as judge:
        assert await judge.ended() == 70
    errors = [line["error"] for line in judge.lines if line.get("error")]
    assert any(error["type"] == "UnreadableState" for error in errors)
    assert any(changelog in error["message"] for error in errors)


async def test_a_worker_frozen_beyond_its_lease_ends_with_70_and_writes_nothing(
    kafka: SharedKafka, topic_prefix: str
) -> None:
    async with worker(kafka.bootstrap, topic_prefix, session_timeout_ms=SESSION_MS) as judge:
        await judge.ready()
        async with shop(kafka.bootstrap, topic_prefix) as flow:
            await flow.ship_unpaid("run-1")
            judge.signal(signal.SIGSTOP)
            await asyncio.sleep(SESSION_MS / 1_000 * SESSION_SHARE + 0.5)
            judge.signal(signal.SIGCONT)
            assert await judge.ended() == 70
            async with worker(kafka.bootstrap, topic_prefix) as successor:
                await successor.ready()
                await flow.pay_late("run-1")
            said = {verdict.value for verdict in flow.heard["flow-verdicts.v1"]}
    # What was said but not remembered is said again by the successor, word for word.
    assert sorted(json.loads(verdict)["revision"] for verdict in said) == [1, 2]
    assert [line["event"] for line in judge.lines if line["level"] == "critical"] == ["lease lost"]


async def test_sigterm_ends_it_in_bounded_time_when_the_broker_is_gone(
    own_kafka: Broker, tmp_path: Path
) -> None:
    async with worker(own_kafka.bootstrap, "x-", state_dir=tmp_path) as judge:
        await judge.ready()
        async with shop(own_kafka.bootstrap, "x-") as flow:
            await flow.pay("run-1")
            await flow.ship("run-1")
            await flow.verdict("run-1", status="passed")
        own_kafka.kill()
        judge.signal(signal.SIGTERM)
        assert await judge.ended() in {0, 70}
