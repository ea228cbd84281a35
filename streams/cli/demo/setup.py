"""Sets the stage: a broker, settings for this one demo, topics, and the processes of the demo."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.topics import TOPICS
from streams.cli.kafka import worker_settings
from streams.dev_broker.process import ServerProcess
from streams.errors import DemoFailed
from streams.kafka.topics import admin_client, full_name

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from streams.dev_broker import Broker
    from streams.settings.worker import WorkerSettings

PARTITIONS = 2
STOP_TIMEOUT_S = 5.0
READY_TIMEOUT_S = 30.0
_READY = b"partitions assigned"
_POLL_S = 0.05
_PACKAGE = Path(__file__).resolve().parents[2]
_SHOPS = (_PACKAGE / "examples" / "shop", _PACKAGE.parent / "examples" / "shop")


def shop_folder() -> Path:
    """Return the folder of the sample shop: it comes with the wheel, and stands in a checkout.

    Raises:
        DemoFailed: it is in neither place.
    """
    for folder in _SHOPS:
        if folder.is_dir():
            return folder
    raise DemoFailed(f"the sample shop is not here, in {' or '.join(map(str, _SHOPS))}")


def demo_settings(broker: Broker, folder: Path) -> WorkerSettings:
    """Give this process and its children the settings of one demo, by the environment.

    Topics, group and state have names of their own: a demo on a broker that others use must not
    meet what they do.
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


def broker_environment(broker: Broker) -> dict[str, str]:
    """Return the settings that say where a broker is, and what it lacks."""
    if broker.kind != "embedded":
        return {"DULY_BROKER": broker.bootstrap}
    return {
        "DULY_BROKER": broker.bootstrap,
        "DULY_IDEMPOTENCE": "false",
        "DULY_ALLOW_CREATE_TIME": "true",
        "DULY_REBALANCE_TIMEOUT_MS": "1000",
    }


def worker_command() -> list[str | Path]:
    """Return what starts the worker; -P keeps the user's folder off its import path."""
    return [sys.executable, "-P", "-m", "faust", "-A", "streams", "worker", "--without-web"]


def shop_command() -> list[str | Path]:
    """Return what opens the sample shop; it prints a line of JSON for each order."""
    return [sys.executable, shop_folder() / "shop.py"]


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Generator[ServerProcess]:
    """Run a process for the time of a block; its output goes to `log`."""
    process = ServerProcess(log)
    try:
        process.start(command)
        yield process
    finally:
        process.stop(STOP_TIMEOUT_S)


async def wait_until_ready(worker: ServerProcess) -> None:
    """Return when the worker has its partitions, which its log says.

    Raises:
        DemoFailed: it ended, or it takes too long; with the end of its log.
    """
    until = time.monotonic() + READY_TIMEOUT_S
    while _READY not in worker.log.read_bytes():
        if not worker.running:
            raise DemoFailed(f"the worker ended:\n{worker.log_tail()}")
        if time.monotonic() > until:
            raise DemoFailed(f"the worker is not ready:\n{worker.log_tail()}")
        await asyncio.sleep(_POLL_S)


async def remove_topics(settings: WorkerSettings) -> None:
    """Remove the topics of this demo from a broker that goes on without it."""
    async with admin_client(settings) as admin:
        ours = {full_name(topic, settings) for topic in TOPICS}
        await admin.delete_topics(sorted(ours & set(await admin.list_topics())))
