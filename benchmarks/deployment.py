"""A Kafka, topics of our own on it, and one worker process: what is measured."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psutil
from aiokafka import TopicPartition

from benchmarks.standard_job import PARTITIONS, definition
from schemas.topics import DEAD_LETTERS, EVENTS, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Generator

SCRIPTS = Path(sys.executable).parent
STOP_TIMEOUT_S = 30.0


class Deployment:
    """Topics and a consumer group that nobody else uses.

    Args:
        bootstrap: the broker, host:port.
        validator: whether the job's flow has its validator.
    """

    def __init__(self, bootstrap: str, *, validator: bool) -> None:
        self.bootstrap = bootstrap
        self._validator = validator
        self._name = f"bench-{uuid.uuid4().hex[:8]}"
        self.events = self._topic(EVENTS.name)
        self.verdicts = self._topic(VERDICTS.name)
        self.dead_letters = self._topic(DEAD_LETTERS.name)
        self.group = self._name

    def prepare(self) -> None:
        """Create the topics and publish the flow; returns when it is in force."""
        self._duly("topics", "apply")
        with tempfile.TemporaryDirectory() as folder:
            flow = Path(folder) / "flow.yaml"
            flow.write_bytes(orjson.dumps(definition(validator=self._validator)))  # JSON is YAML
            self._duly("flow", "apply", str(flow))

    @contextlib.contextmanager
    def worker(self) -> Generator[psutil.Process]:
        """Run `faust -A streams worker` until the block ends; raises if it ended by itself."""
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "worker.log"
            with log.open("wb") as out:
                command = [SCRIPTS / "faust", "-A", "streams", "worker"]
                environment = self._environment() | {"DULY_STATE_DIR": folder}
                process = psutil.Popen(command, env=environment, stdout=out, stderr=out)
            try:
                yield process
                if process.poll() is not None:
                    raise RuntimeError(f"the worker ended: {log.read_text()[-2_000:]}")
            finally:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.terminate()
                try:
                    process.wait(STOP_TIMEOUT_S)
                except psutil.TimeoutExpired:
                    process.kill()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Return all partitions of one of the job's topics."""
        return [TopicPartition(topic, number) for number in range(PARTITIONS)]

    def _topic(self, name: str) -> str:
        return f"{self._name}.{name}"

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "DULY_BROKER": self.bootstrap,
            "DULY_TOPIC_PREFIX": f"{self._name}.",
            "DULY_APP_ID": self._name,
            "DULY_PARTITIONS": str(PARTITIONS),
            "DULY_LOG_FORMAT": "json",
        }

    def _duly(self, *arguments: str) -> None:
        command: list[Any] = [SCRIPTS / "duly", *arguments]
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"duly {' '.join(arguments)}: {done.stderr[-2_000:]}")
