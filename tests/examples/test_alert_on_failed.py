from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaProducer

import schemas
from schemas.ids import verdict_id
from schemas.topics import VERDICTS
from streams.kafka.topics import ensure_topics
from streams.settings.kafka import KafkaSettings

if TYPE_CHECKING:
    from tests.support.shared_kafka import SharedKafka

EXAMPLE = Path(__file__).parents[2] / "examples" / "alert_on_failed.py"
GOLDEN = json.loads(
    (Path(schemas.__file__).parent / "examples/verdict/valid/failed.json").read_text()
)
RETRY_S = 0.2


def verdict(run_id: str, status: str = "failed") -> bytes:
    known_by = verdict_id("checkout", run_id, GOLDEN["opened_at_ns"], 1)
    return orjson.dumps(GOLDEN | {"verdict_id": known_by, "run_id": run_id, "status": status})


def test_the_subscriber_is_as_short_as_it_is_said_to_be() -> None:
    assert len([line for line in EXAMPLE.read_text().splitlines() if line.strip()]) <= 20


async def test_it_alerts_once_on_each_failed_verdict(kafka: SharedKafka, topic_prefix: str) -> None:
    named: dict[str, Any] = {"topic_prefix": topic_prefix, "app_id": f"{topic_prefix}app"}
    await ensure_topics(KafkaSettings(broker=kafka.bootstrap, partitions=1, **named))
    topic = topic_prefix + VERDICTS.name
    environment = {"DULY_BROKER": kafka.bootstrap, "DULY_TOPIC_PREFIX": topic_prefix}
    producer: Any = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLE, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        first = asyncio.ensure_future(process.stdout.readline())
        attempts = 0
        while not first.done():  # a new group begins at the end, and joins in its own time
            await producer.send_and_wait(topic, verdict(f"early-{attempts}"))
            attempts += 1
            await asyncio.wait([first], timeout=RETRY_S)
        for value in (verdict("a"), verdict("b", "passed"), verdict("a"), verdict("c")):
            await producer.send_and_wait(topic, value)
        alerts = [await first]
        while b"/c:" not in alerts[-1]:
            alerts.append(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()
        await producer.stop()
    reason = "; ".join(cause["message"] for cause in GOLDEN["causes"])
    late = [line.decode().strip() for line in alerts if b"/early-" not in line]
    assert late == [f"ALERT checkout/a: {reason}", f"ALERT checkout/c: {reason}"]
