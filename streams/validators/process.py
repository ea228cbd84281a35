"""The worker's end of a sandbox process: started when needed, killed when late, then replaced."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streams.validators.child.main import COUNTER, OUTPUT_BYTES
from streams.validators.engine import CRASHED, ENDED_LATE, EngineFailed, Fault
from streams.validators.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.validators.limits import Limits

GRACE_S = 0.05
"""Time that an engine gets to stop itself before its process is killed."""

MAX_MESSAGE_BYTES = 1 << 20

START_S = 30
"""Time that a process may take to start, on a machine that is busy."""


class Reply(NamedTuple):
    """What became of a request."""

    lines: list[bytes]
    """One a call, from the first on."""

    refusal: str | None = None
    """Why the script does not compile."""

    fault: Fault | None = None
    """Why the call behind the last line has no answer."""

    used_s: float = 0.0
    """CPU time of the process."""


class SandboxProcess:
    """A process that runs scripts of one engine, one request at a time. Safe to use from threads.

    Args:
        engine: `cel` or `js`.
        limits: what a script may cost.
    """

    def __init__(self, engine: str, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def stop(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def ask(
        self, source: str, texts: Sequence[bytes], explain: Sequence[bool], seconds: float
    ) -> Reply:
        """Run a script on pairs of texts, or compile it where there are none.

        Args:
            source: the script.
            texts: `[data, ctx, data, ctx, …]`.
            explain: for each pair, whether `False` is to be explained.
            seconds: time for all.
        """
        request = orjson.dumps(
            {
                "source": source,
                "lengths": [len(text) for text in texts],
                "explain": explain,
                "seconds": seconds,
            }
        )
        with self._lock:
            running = self._running
            if running is None or not running.is_alive():
                running = self._replace()
            # It ends between two calls by itself; late is one that does not get that far.
            allowed_s = seconds + self._limits.call_s + GRACE_S
            reply = running.ask(request + b"\n" + b"".join(texts), allowed_s)
            if running.is_lost:
                self._replace()  # now, so that the next request waits less
            return reply

    def _replace(self) -> _Running:
        self._end()
        try:
            self._running = _Running(self._engine, self._limits)
        except OSError as error:
            raise EngineFailed(f"{self._engine}: the engine cannot start: {error}") from error
        return self._running

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.end()


class _Running:
    """One process of its life, with its socket and its output."""

    def __init__(self, engine: str, limits: Limits) -> None:
        output = _shared_memory()
        self._output = mmap.mmap(output, OUTPUT_BYTES)
        self._socket, theirs = socket.socketpair()
        self.is_lost = False
        """Whether it is late, dead or talks nonsense, and must be ended."""
        arguments = [
            str(_ROOT),
            engine,
            str(theirs.fileno()),
            str(output),
            str(os.getpid()),
            str(limits.call_s),
            str(limits.memory_bytes),
        ]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, *arguments],
                pass_fds=(theirs.fileno(), output),
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the worker
            )
        except OSError:
            self._socket.close()
            self._output.close()
            raise
        finally:
            os.close(output)
            theirs.close()
        self._is_ready = False

    def is_alive(self) -> bool:
        """Return whether the process runs; it may have been killed from outside."""
        return self._process.poll() is None

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._output.close()

    def ask(self, request: bytes, seconds: float) -> Reply:
        """Return the reply to a request; `is_lost` says whether it was the last.

        Raises:
            EngineFailed: the process does not start.
        """
        self._await_ready()
        watch = Stopwatch(self._process.pid)
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(request)
            match self._read(seconds):
                case ["done"]:
                    return Reply(self._lines(), used_s=watch.seconds())
                case ["refused", str(message)]:
                    return Reply([], refusal=message)
                case ["limit", str(message)]:
                    fault = Fault("limit", message)
                    return Reply(self._lines(), fault=fault, used_s=watch.seconds())
                case _:
                    message = CRASHED
        except TimeoutError:
            message = ENDED_LATE
        except OSError:  # it ended while we spoke
            message = CRASHED
        used_s = watch.seconds()
        self.is_lost = True
        self._process.kill()  # before its output is read
        is_starved = message == ENDED_LATE and used_s < seconds / 2
        return Reply(self._lines(), fault=Fault("limit", message, is_starved), used_s=used_s)

    def _await_ready(self) -> None:
        try:
            if self._is_ready or self._read(START_S) == ["ready"]:
                self._is_ready = True
                return
        except OSError:  # TimeoutError is one
            pass
        self._process.kill()
        raise EngineFailed("the engine cannot start: its process does not get ready")

    def _read(self, seconds: float) -> Any:
        """Return the next message, None if the process ended instead.

        Raises:
            TimeoutError: it says nothing in time.
        """
        deadline = time.monotonic() + seconds
        text = b""
        while not text.endswith(b"\n"):
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            part = self._socket.recv(65_536)
            text += part
            if not part or len(text) > MAX_MESSAGE_BYTES:
                return None
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return None

    def _lines(self) -> list[bytes]:
        size = min(COUNTER.unpack_from(self._output)[0], OUTPUT_BYTES - COUNTER.size)
        return self._output[COUNTER.size : COUNTER.size + size].split(b"\n")[:-1]


_ROOT = Path(__file__).parents[2]
"""The folder that our packages are in: the process looks in no other place of ours."""

_BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from streams.validators.child.main import main; main(*sys.argv[1:])"
)


def _shared_memory() -> int:
    """Return a descriptor of memory that a child process can share."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("duly-scripts")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, OUTPUT_BYTES)
    return descriptor
