"""One installation on a shared broker: topics, consumer group and settings that nobody else has."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka.admin import AIOKafkaAdminClient

from streams.flows.files import parse_flow
from streams.flows.publishing import publish
from streams.kafka.topics import ensure_topics
from streams.settings.worker import WorkerSettings
from tests.support.worker_process import ROOT, WorkerProcess

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = 4


class Deployment:
    """Where the workers of one group of tests live.

    Args:
        bootstrap: the broker, `host:port`.
        folder: for the files of its workers.
        settings: environment variables of its workers.
    """

    def __init__(self, bootstrap: str, folder: Path, **settings: str) -> None:
        self.name = f"e{secrets.token_hex(4)}"
        self.environment = {
            "DULY_BROKER": bootstrap,
            "DULY_APP_ID": self.name,
            "DULY_TOPIC_PREFIX": f"{self.name}-",
            "DULY_PARTITIONS": str(PARTITIONS),
            "DULY_STATE_DIR": str(folder),
            "DULY_WEB_PORT": "0",
            # A name that survives restarts: a killed worker's partitions need no timeout to come back.
            "DULY_INSTANCE_ID": self.name,
            **settings,
        }
        given = {
            name.removeprefix("DULY_").lower(): value for name, value in self.environment.items()
        }
        self.settings = WorkerSettings.model_validate(given)

    def worker(self, **settings: str) -> WorkerProcess:
        """Return a worker that is yet to be started."""
        return WorkerProcess(self.environment | settings)

    def create_topics(self) -> None:
        """Create all topics, as a worker would."""
        asyncio.run(ensure_topics(self.settings))

    def publish(self, *flows: str) -> None:
        """Publish flows, each the text of a flow file, and return when they are in force."""
        definitions = [parse_flow(text, "flow.yaml").definition for text in flows]
        asyncio.run(publish(definitions, self.settings))

    def audit(self, *, patience_s: float = 10) -> tuple[int, dict[str, Any]]:
        """Run the audit as the program that it is; return its exit code and its findings."""
        finished = subprocess.run(
            [
                *[sys.executable, "-m", "streams.audit", "--json"],
                *["--bootstrap", self.settings.broker, "--prefix", self.settings.topic_prefix],
                *["--patience", str(patience_s)],
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=False,
        )
        return finished.returncode, orjson.loads(finished.stdout)

    def remove(self) -> None:
        """Delete its topics."""
        asyncio.run(self._remove())

    async def _remove(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.broker)
        await admin.start()
        try:
            ours = [topic for topic in await admin.list_topics() if topic.startswith(self.name)]
            if ours:
                await admin.delete_topics(ours)
        finally:
            await admin.close()
