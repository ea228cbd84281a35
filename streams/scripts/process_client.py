"""The worker's end of a sandbox process, from its start to its end: killed when it is late."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streams.scripts.cpu_time import Stopwatch
from streams.scripts.language import CRASHED, ENDED_LATE, EngineFailed, Fault
from streams.scripts.sandbox_process.main import COUNTER, OUTPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.scripts.limits import Limits

GRACE_S = 0.03
"""Time that an engine gets to stop itself before its process is killed."""

MAX_MESSAGE_BYTES = 1 << 20

STARVED_FACTOR = 4
"""A process that gets no CPU may take this many times its time."""

LEAST_WAIT_S = 0.002

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
    """A process that runs scripts of one engine, one request at a time, until it is lost.

    Args:
        engine: `cel` or `js`.
        limits: what a script may cost.

    Raises:
        OSError: it cannot be started.
    """

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
            str(limits.memory_bytes),
        ]
        self._call_s = limits.call_s
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
        self._partial = b""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Return whether the process runs; it may have been killed from outside."""
        return self._process.poll() is None

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._output.close()

    def ask(
        self, source: str, texts: Sequence[bytes], explain: Sequence[bool], seconds: float
    ) -> Reply:
        """Run a script on pairs of texts, or compile it where there are none.

        Args:
            source: the script.
            texts: `[data, ctx, data, ctx, …]`.
            explain: for each pair, whether `False` is to be explained.
            seconds: time for all; a pair has no more than the limit of a call.

        Returns:
            The reply; `is_lost` says whether it was the last of this process.

        Raises:
            EngineFailed: the process does not start.
        """
        call_s = min(self._call_s, seconds) if len(explain) == 1 else self._call_s
        request = {
            "source": source,
            "lengths": [len(text) for text in texts],
            "explain": explain,
            "seconds": seconds,
            "call_s": call_s,
        }
        # It ends between two calls by itself; late is one that does not get that far.
        late_s = max(seconds, self._call_s) + (0 if len(explain) == 1 else call_s) + GRACE_S
        return self._ask(orjson.dumps(request) + b"\n" + b"".join(texts), late_s)

    def _ask(self, request: bytes, seconds: float) -> Reply:
        self._await_ready()
        watch = Stopwatch(self._process.pid)
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(request)
            match self._read_while_it_works(watch, seconds):
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
        return Reply(self._lines(), fault=Fault("limit", message), used_s=used_s)

    def _await_ready(self) -> None:
        try:
            if self._is_ready or self._read(START_S) == ["ready"]:
                self._is_ready = True
                return
        except OSError:  # TimeoutError is one
            pass
        self._process.kill()
        raise EngineFailed("the engine cannot start: its process does not get ready")

    def _read_while_it_works(self, watch: Stopwatch, seconds: float) -> Any:
        """Return the next message, waiting for as much CPU time, on a busy machine for longer.

        A process that is killed is dear to replace, and a retry would get no more CPU.

        Raises:
            TimeoutError: it says nothing in time.
        """
        last = time.monotonic() + seconds * STARVED_FACTOR
        wait_s = seconds
        while True:
            try:
                return self._read(wait_s)
            except TimeoutError:
                wait_s = min(seconds - watch.seconds(), last - time.monotonic())
                if wait_s < LEAST_WAIT_S:
                    raise

    def _read(self, seconds: float) -> Any:
        """Return the next message, None if the process ended instead.

        Raises:
            TimeoutError: it says nothing in time.
        """
        deadline = time.monotonic() + seconds
        while not self._partial.endswith(b"\n"):
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            part = self._socket.recv(65_536)
            self._partial += part
            if not part or len(self._partial) > MAX_MESSAGE_BYTES:
                return None
        text, self._partial = self._partial, b""
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
    "from streams.scripts.sandbox_process.main import main; main(*sys.argv[1:])"
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
