"""A worker as operators run it: a process that is started, followed by its log, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from typing import IO, TYPE_CHECKING, Any

import orjson
import psutil

from streams.dev_broker import launch

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 45.0
EXIT_TIMEOUT_S = 25.0
ORPHAN_TIMEOUT_S = 5.0

Line = dict[str, Any]


class WorkerEnded(AssertionError):
    """The worker ended or stayed silent where it was waited for; holds the end of its log."""


class Orphans:
    """The processes of a worker's sandbox, which must not outlive the worker.

    Args:
        pid: the worker, which runs still.
    """

    def __init__(self, pid: int) -> None:
        self._processes = psutil.Process(pid).children(recursive=True)

    def wait(self) -> None:
        """Hold them to end soon after the worker, however it ended; kill and name those that do not."""
        _, alive = psutil.wait_procs(self._processes, timeout=ORPHAN_TIMEOUT_S)
        for orphan in alive:
            orphan.kill()
        assert not alive, f"the worker left processes behind: {alive}"


class WorkerProcess:
    """`faust -A streams worker` with settings of its own, as often as it is started.

    It never outlives the test run, and no process of its sandbox outlives it.

    Args:
        settings: environment variables, on top of ours.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Thread | None = None
        self._lines: list[Line] = []
        self._grown = Condition()
        self._read_to = 0

    def start(self) -> None:
        """Start; what was logged before is forgotten."""
        command = [Path(sys.executable).with_name("faust"), "-A", "streams", "worker"]
        # The kernel kills the worker when this thread ends, however it does.
        launcher = [sys.executable, "-I", "-S", str(launch.__file__), str(os.getpid())]
        self._lines, self._read_to = [], 0
        self._process = subprocess.Popen(
            [*launcher, *command],
            cwd=ROOT,
            env=os.environ | self._settings | {"DULY_LOG_FORMAT": "json"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the tests, which then end it
        )
        assert self._process.stderr is not None
        self._reader = Thread(
            target=self._read, args=(self._process.stderr, self._lines), daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._started.pid

    @property
    def running(self) -> bool:
        """Whether it is there, be it frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return "\n".join(str(line.get("text", line)) for line in self._lines)

    def wait_until_ready(self) -> None:
        """Return when it judges all partitions that it was assigned."""
        self.wait_for("partitions assigned")

    def wait_for(self, event: str, timeout_s: float = READY_TIMEOUT_S) -> Line:
        """Return the next log line of that event, among those not yet waited for.

        Raises:
            WorkerEnded: it ended, or did not log it in time.
        """
        until = time.monotonic() + timeout_s
        with self._grown:
            while True:
                while self._read_to < len(self._lines):
                    line = self._lines[self._read_to]
                    self._read_to += 1
                    if line.get("event") == event:
                        return line
                if not self.running or not self._grown.wait(until - time.monotonic()):
                    state = "silent" if self.running else "ended"
                    raise WorkerEnded(f"no {event!r}, the worker is {state}:\n{self.log}")

    def wait_until_ended(self, timeout_s: float = EXIT_TIMEOUT_S) -> int:
        """Return its exit code when it has ended by itself; kill it and fail if it does not."""
        try:
            code = self._started.wait(timeout_s)
        except subprocess.TimeoutExpired as overdue:
            self.kill()
            raise WorkerEnded(f"it did not end within {timeout_s} s:\n{self.log}") from overdue
        self._join_reader()
        return code

    def terminate(self) -> int:
        """Ask it to stop in good order; return its exit code."""
        with self._no_orphans():
            self._started.send_signal(signal.SIGTERM)
            return self.wait_until_ended()

    def kill(self) -> None:
        """End it at once, as the kernel does when memory is short."""
        with self._no_orphans():
            self._started.kill()
            self._started.wait()
            self._join_reader()

    def crash(self) -> Orphans:
        """Kill it and start it anew at once, as a supervisor does; await what is returned."""
        left = Orphans(self._started.pid)
        self._started.kill()
        self._started.wait()
        self.start()
        return left

    def close(self) -> None:
        """End it if it still runs."""
        if self.running:
            self._started.send_signal(signal.SIGCONT)
            self.kill()

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Let it stand still for the time of a block."""
        self._started.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._started.send_signal(signal.SIGCONT)

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the worker was never started"
        return self._process

    @contextmanager
    def _no_orphans(self) -> Generator[None]:
        """Hold it to take the processes of its sandbox along, however it ends."""
        left = Orphans(self.pid) if self.running else None
        yield
        if left is not None:
            left.wait()

    def _read(self, stderr: IO[bytes], lines: list[Line]) -> None:
        with stderr:
            for text in stderr:
                with self._grown:
                    lines.append(_parse(text))
                    self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def _join_reader(self) -> None:
        if self._reader is not None:
            self._reader.join()


def _parse(text: bytes) -> Line:
    """Return a log line; what is not JSON, as a complaint before logging is set up, as `text`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text.decode(errors="replace").rstrip()}
