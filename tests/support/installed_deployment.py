"""Topics on a Kafka and one worker process, by the installed `duly` and `faust`: what is measured and attacked.

The worker starts outside the sources, so that a compiled wheel on `PYTHONPATH` is what runs (`compiled.py`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from aiokafka import TopicPartition

from schemas.topics import DEAD_LETTERS, EVENTS, RUNS_CHANGELOG, VERDICTS, topic_name
from streams.flows.files import dump_flow
from tests.support.standard_job import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Generator

SCRIPTS = Path(sys.executable).parent
STOP_TIMEOUT_S = 30.0
LOG_CHARACTERS = 2_000


class WorkerEnded(RuntimeError):
    """A worker ended while it was measured."""


def require_running(process: psutil.Popen) -> None:
    """Raise WorkerEnded if a worker has ended."""
    code = process.poll()
    if code is not None:
        raise WorkerEnded(f"the worker ended by itself, with exit code {code}")


class InstalledDeployment:
    """Topics and a consumer group that nobody else uses.

    Args:
        bootstrap: the broker, host:port.
        flows: the definitions in force.
    """

    def __init__(self, bootstrap: str, *flows: dict[str, Any]) -> None:
        self.bootstrap = bootstrap
        self._flows = flows
        self._name = f"bench-{uuid.uuid4().hex[:8]}"
        self.events = self._topic(EVENTS.name)
        self.verdicts = self._topic(VERDICTS.name)
        self.dead_letters = self._topic(DEAD_LETTERS.name)
        self.changelog = topic_name(RUNS_CHANGELOG.name, app_id=self._name)
        self.group = self._name

    def prepare(self) -> None:
        """Create the topics and publish the flows; returns when they are in force."""
        self._duly("topics", "apply")
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / f"{flow['flow']}.yaml" for flow in self._flows]
            for file, flow in zip(files, self._flows, strict=True):
                file.write_text(dump_flow(flow))
            self._duly("flow", "apply", *map(str, files))

    @contextlib.contextmanager
    def worker(self, **settings: str) -> Generator[psutil.Popen]:
        """Run `faust -A streams worker` until the block ends.

        Args:
            settings: environment variables, on top of ours.

        Raises:
            WorkerEnded: it ended by itself. This and all that the block raises once it has ended
                bear the end of its log as a note.
        """
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "worker.log"
            with log.open("wb") as out:
                command = [SCRIPTS / "faust", "-A", "streams", "worker"]
                environment = self._environment() | {"DULY_STATE_DIR": folder} | settings
                # Faust looks for `streams` where it is started first: not among our sources.
                process = psutil.Popen(command, env=environment, stdout=out, stderr=out, cwd=folder)
            try:
                yield process
                require_running(process)
            except Exception as error:
                if process.poll() is not None:
                    error.add_note(f"the end of its log:\n{log.read_text()[-LOG_CHARACTERS:]}")
                raise
            finally:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.terminate()
                try:
                    process.wait(STOP_TIMEOUT_S)
                except psutil.TimeoutExpired:
                    process.kill()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Return all partitions of one of its topics."""
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
            "DULY_WEB_PORT": "0",
        }

    def _duly(self, *arguments: str) -> None:
        command: list[Any] = [SCRIPTS / "duly", *arguments]
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"duly {' '.join(arguments)}: {done.stderr[-2_000:]}")
