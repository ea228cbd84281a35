"""The worker's end of a sandbox process, from its start to its end: killed when it is late."""

from __future__ import annotations

import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from streams.scripts.cpu_time import Stopwatch
from streams.scripts.language import (
    CRASHED,
    ENDED_LATE,
    KILLED,
    OUTSIDE_SIGNALS,
    EngineFailed,
    Fault,
)
from streams.scripts.sandbox_process.main import COUNTER, LINES_AT, NUMBER, OUTPUT_BYTES, line_mark

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

DYING_S = 1.0
"""Time that a process may take from the end of its socket to its own end, which says what it died of."""


class Reply(NamedTuple):
    """What became of a request."""

    lines: list[bytes]
    """One a call, from the first on, never more; of this request alone."""

    refusal: str | None = None
    """Why the script does not compile."""

    fault: Fault | None = None
    """Why the call behind the last line has no answer."""

    used_s: float = 0.0
    """CPU time of the process."""

    is_begun: bool = True
    """Whether the process has read the request."""

    @property
    def is_unread(self) -> bool:
        """Whether the process died before it read the request, which no script can bring about."""
        return self.fault is not None and self.fault.deaths_to_blame > 0 and not self.is_begun


class SandboxProcess:
    """A process that runs scripts of one engine, one request at a time, until it is lost.

    Args:
        engine: `cel` or `js`.
        limits: what a script may cost.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, engine: str, limits: Limits) -> None:
        self.is_lost = False
        """Whether it is late, dead or talks nonsense, and must be ended."""
        self._engine = engine
        self._call_s = limits.call_s
        # Closed again if a later step fails, as all of them do where descriptors are short.
        with ExitStack() as ours, ExitStack() as theirs:
            output = _shared_memory()
            theirs.callback(os.close, output)
            self._output = ours.enter_context(mmap.mmap(output, OUTPUT_BYTES))
            self._socket, far_end = socket.socketpair()
            ours.enter_context(self._socket)
            theirs.enter_context(far_end)
            self._process = _popen(engine, far_end.fileno(), output, limits.memory_bytes)
            ours.pop_all()
        self._is_ready = False
        self._partial = b""
        self._number = 0

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
        self._number += 1
        request = {
            "number": self._number,
            "source": source,
            "lengths": [len(text) for text in texts],
            "explain": explain,
            "seconds": seconds,
            "call_s": call_s,
        }
        # It ends between two calls by itself; late is one that does not get that far.
        late_s = max(seconds, self._call_s) + (0 if len(explain) == 1 else call_s) + GRACE_S
        return self._ask(orjson.dumps(request) + b"\n" + b"".join(texts), len(explain), late_s)

    def _ask(self, request: bytes, calls: int, seconds: float) -> Reply:
        self._await_ready()
        watch = Stopwatch(self._process.pid)
        is_late = False
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(request)
            match self._read_while_it_works(watch, seconds):
                case ["done", self._number] if (lines := self._lines(calls)) or not calls:
                    return Reply(lines, used_s=watch.seconds())
                case ["refused", self._number, str(message)]:
                    return Reply([], refusal=message)
                case ["limit", self._number, str(message)]:
                    fault = Fault("limit", message)
                    return Reply(self._lines(calls), fault=fault, used_s=watch.seconds())
                case _:  # nonsense, or nothing any more
                    pass
        except TimeoutError:
            is_late = True
        except OSError:  # it ended while we spoke
            pass
        used_s = watch.seconds()
        fault = Fault("limit", self._end_late() if is_late else self._cause_of_death())
        return Reply(self._lines(calls), fault=fault, used_s=used_s, is_begun=self._has_begun())

    def _end_late(self) -> str:
        """End the process, which writes nothing more from here on; return what to say of it."""
        self.is_lost = True
        self._process.kill()
        self._process.wait()
        return ENDED_LATE

    def _cause_of_death(self) -> str:
        """Return what the process died of; one that only talks nonsense is ended."""
        self.is_lost = True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(DYING_S if self._is_closed() else 0)
        status = self._process.poll()
        if status is None:
            self._end_late()
            return CRASHED
        return KILLED if _name_of(status) in OUTSIDE_SIGNALS else CRASHED

    def _is_closed(self) -> bool:
        """Return whether the process has let go of its socket, as one does that ends."""
        self._socket.settimeout(0)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _await_ready(self) -> None:
        why = "does not get ready"
        try:
            if self._is_ready or self._read(START_S) == ["ready"]:
                self._is_ready = True
                return
            with suppress(subprocess.TimeoutExpired):
                why += f": it ended ({_name_of(self._process.wait(DYING_S))})"
        except TimeoutError:
            why += f" in {START_S} s"
        except OSError as error:
            why += f": {error}"
        self._end_late()
        raise EngineFailed(f"{self._engine}: the engine cannot start: its process {why}")

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

    def _has_begun(self) -> bool:
        return NUMBER.unpack_from(self._output)[0] == self._number

    def _lines(self, calls: int) -> list[bytes]:
        """Return the answers to the first of `calls` calls of this request.

        A count that was not written to its end may reach into lines of another.
        """
        if not self._has_begun():
            return []
        size = min(COUNTER.unpack_from(self._output, NUMBER.size)[0], OUTPUT_BYTES - LINES_AT)
        found = self._output[LINES_AT : LINES_AT + size].split(b"\n")[:-1]
        lines: list[bytes] = []
        for call, line in enumerate(found[:calls]):
            mark = line_mark(self._number, call)
            if not line.startswith(mark):
                break
            lines.append(line[len(mark) :])
        return lines


_ROOT = Path(__file__).parents[2]
"""The folder that our packages are in: the process looks in no other place of ours."""

_BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from streams.scripts.sandbox_process.main import main; main(*sys.argv[1:])"
)


def _popen(engine: str, connection: int, output: int, memory_bytes: int) -> subprocess.Popen[bytes]:
    arguments = [str(_ROOT), engine, str(connection), str(output)]
    arguments += [str(os.getpid()), str(memory_bytes)]
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _BOOT, *arguments],
        pass_fds=(connection, output),
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the worker
    )


def _name_of(status: int) -> str:
    """Return the signal that ended a process, or its exit code."""
    with suppress(ValueError):
        return signal.Signals(-status).name
    return f"exit code {status}"


def _shared_memory() -> int:
    """Return a descriptor of memory that a child process can share."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("duly-scripts")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, OUTPUT_BYTES)
    return descriptor
