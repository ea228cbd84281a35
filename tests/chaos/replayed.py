"""The replay of a scenario's topic beside what its workers said live, line by line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from schemas.topics import EVENTS, VERDICTS
from streams.kafka.topic_reader import open_reader, topic_partitions
from streams.kafka.topics import full_name
from tests.support.worker_process import ROOT

if TYPE_CHECKING:
    from streams.settings.kafka import KafkaSettings
    from tests.support.deployment import Deployment


def differing_lines(deployment: Deployment) -> int:
    """Return in how many lines `duly replay --topic` and the verdicts topic differ, partition by partition.

    Of the topic a reader sees each verdict id once, the first time; what `duly` judged anew must be
    that, byte for byte and in that order.
    """
    replayed = _replay(deployment)
    live = asyncio.run(_live(deployment.settings))
    return sum(one != other for one, other in zip_longest(replayed, live))


def _replay(deployment: Deployment) -> list[bytes]:
    finished = subprocess.run(
        [
            Path(sys.executable).with_name("duly"),
            "replay",
            "--topic",
            full_name(EVENTS, deployment.settings),
        ],
        cwd=ROOT,
        env=os.environ | deployment.environment,
        stdout=subprocess.PIPE,
        check=False,
    )
    return finished.stdout.splitlines()


async def _live(settings: KafkaSettings) -> list[bytes]:
    said: dict[str, bytes] = {}
    async with open_reader(settings) as reader:
        for partition in await topic_partitions(VERDICTS, settings):
            async for batch in reader.read(partition, await reader.end_offset(partition)):
                for record in batch:
                    said.setdefault(orjson.loads(record.value)["verdict_id"], record.value)
    return list(said.values())
