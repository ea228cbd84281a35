"""Settings, topics and files of one demo."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.topics import TOPICS
from streams.cli.kafka import worker_settings
from streams.cli.local.setup import broker_environment
from streams.errors import DemoFailed
from streams.kafka.topics import admin_client, full_name

if TYPE_CHECKING:
    from streams.dev_broker import Broker
    from streams.dev_broker.process import ServerProcess
    from streams.settings.worker import WorkerSettings

PARTITIONS = 2
READY_TIMEOUT_S = 30.0
_READY = b"partitions assigned"
_POLL_S = 0.05
_PACKAGE = Path(__file__).resolve().parents[2]
_SHOPS = (_PACKAGE / "examples" / "shop", _PACKAGE.parent / "examples" / "shop")


def shop_folder() -> Path:
    """Return the folder of the sample shop, in the wheel or in a checkout.

    Raises:
        DemoFailed: it is in neither.
    """
    for folder in _SHOPS:
        if folder.is_dir():
            return folder
    raise DemoFailed(f"the sample shop is not here, in {' or '.join(map(str, _SHOPS))}")


def demo_settings(broker: Broker, folder: Path) -> WorkerSettings:
    """Set the environment variables of one demo for this process and its children.

    Topics, consumer group and state have names of their own, so that a demo on a shared broker
    touches nothing of others.
    """
    name = f"duly-demo-{secrets.token_hex(4)}"
    os.environ |= broker_environment(broker) | {
        "DULY_APP_ID": name,
        "DULY_TOPIC_PREFIX": f"{name}-",
        "DULY_PARTITIONS": str(PARTITIONS),
        "DULY_STATE_DIR": str(folder),
        "DULY_LOG_FORMAT": "json",
        "DULY_WEB_PORT": "0",
    }
    return worker_settings()


def shop_command() -> list[str | Path]:
    """Return the command of the sample shop; it prints a line of JSON for each order."""
    return [sys.executable, shop_folder() / "shop.py"]


async def wait_until_ready(worker: ServerProcess) -> None:
    """Return when the log of the worker says that it has its partitions.

    Raises:
        DemoFailed: it ended, or takes too long; with the end of its log.
    """
    until = time.monotonic() + READY_TIMEOUT_S
    while _READY not in worker.log.read_bytes():
        if not worker.running:
            raise DemoFailed(f"the worker ended:\n{worker.log_tail()}")
        if time.monotonic() > until:
            raise DemoFailed(f"the worker is not ready:\n{worker.log_tail()}")
        await asyncio.sleep(_POLL_S)


async def remove_topics(settings: WorkerSettings) -> None:
    """Remove the topics of this demo from a broker that outlives it."""
    async with admin_client(settings) as admin:
        ours = {full_name(topic, settings) for topic in TOPICS}
        await admin.delete_topics(sorted(ours & set(await admin.list_topics())))
