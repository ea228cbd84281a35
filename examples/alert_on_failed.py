"""Prints an alert for each failed verdict: DULY_BROKER=localhost:9092 python alert_on_failed.py."""

import asyncio
import json
import os
from typing import Any

from aiokafka import AIOKafkaConsumer


async def alert() -> None:
    """Follow the verdicts for ever."""
    known: set[str] = set()  # a crash of the worker may leave copies, under the same id
    topic = os.environ.get("DULY_TOPIC_PREFIX", "") + "flow-verdicts.v1"
    broker = os.environ["DULY_BROKER"]
    consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=broker, group_id="alerts")
    async with consumer:
        async for record in consumer:
            verdict = json.loads(record.value)
            if verdict["status"] == "failed" and verdict["verdict_id"] not in known:
                known.add(verdict["verdict_id"])
                reasons = "; ".join(cause["message"] for cause in verdict["causes"])
                print(f"ALERT {verdict['flow']}/{verdict['run_id']}: {reasons}", flush=True)


asyncio.run(alert())
