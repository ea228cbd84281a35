"""Client of a sandbox process: one request at a time; a process that is late is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

import orjson

from streams.scripts.cpu_time import CpuTimer
from streams.scripts.language import (
    CRASHED,
    ENDED_LATE,
    KILLED,
    OUTSIDE_SIGNALS,
    CallFault,
    EngineFailed,
)
from streams.scripts.process_channel import AnswerMemory, MessageSocket
from streams.scripts.process_start import create_shared_memory, start_process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.scripts.limits import Limits

GRACE_S = 0.03
"""Time that an engine gets to stop by itself before its process is killed."""

START_S = 30
"""Time that a process may take to start, on a machine that is busy."""

DYING_S = 1.0
"""Time from the end of its socket to the end of a process, whose status says what it died of."""


class Reply(NamedTuple):
    """Result of a request."""

    lines: list[bytes]
    """One line a call, from the first on; of this request alone."""

    refusal: str | None = None
    """Why the script does not compile."""

    fault: CallFault | None = None
    """Why the call behind the last line has no answer."""

    used_s: float = 0.0
    """CPU time of the process."""

    is_begun: bool = True
    """Whether the process has read the request."""

    @property
    def is_unread(self) -> bool:
        """Return True if the process died before it read the request, which no script can cause."""
        return self.fault is not None and self.fault.deaths_to_blame > 0 and not self.is_begun


class SandboxProcess:
    """A process that runs scripts of one engine, one request at a time, until it is lost.

    Args:
        engine: `cel` or `js`.
        limits: budgets of scripts.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, engine: str, limits: Limits) -> None:
        self.is_lost = False
        """Whether it is late, dead or sends nonsense, and must be ended."""
        self._engine = engine
        self._call_s = limits.call_s
        # Closed again if a later step fails, as all of them do where descriptors are short.
        with ExitStack() as ours, ExitStack() as theirs:
            output = create_shared_memory()
            theirs.callback(os.close, output)
            self._answers = AnswerMemory(output)
            ours.callback(self._answers.close)
            near_end, far_end = socket.socketpair()
            theirs.enter_context(far_end)
            self._messages = MessageSocket(near_end)
            ours.callback(self._messages.close)
            self._process = start_process(engine, far_end.fileno(), output, limits.memory_bytes)
            ours.pop_all()
        self._is_ready = False
        self._number = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Return True if the process runs; it may have been killed from outside."""
        return self._process.poll() is None

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._messages.close()
        self._answers.close()

    def ask(
        self, source: str, texts: Sequence[bytes], explain: Sequence[bool], seconds: float
    ) -> Reply:
        """Run a script on pairs of texts, or compile it where there are none.

        Args:
            source: the script.
            texts: `[data, ctx, data, ctx, …]`.
            explain: for each pair, whether to say why it is `False`.
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
        # It stops between two calls by itself; one that does not get that far is late.
        late_s = max(seconds, self._call_s) + (0 if len(explain) == 1 else call_s) + GRACE_S
        return self._ask(orjson.dumps(request) + b"\n" + b"".join(texts), len(explain), late_s)

    def _ask(self, request: bytes, calls: int, seconds: float) -> Reply:
        self._await_ready()
        timer = CpuTimer(self._process.pid)
        is_late = False
        try:
            self._messages.send(request, seconds)
            match self._messages.read_while_it_works(timer, seconds):
                case ["done", self._number] if (lines := self._lines(calls)) or not calls:
                    return Reply(lines, used_s=timer.seconds())
                case ["refused", self._number, str(message)]:
                    return Reply([], refusal=message)
                case ["limit", self._number, str(message)]:
                    fault = CallFault("limit", message)
                    return Reply(self._lines(calls), fault=fault, used_s=timer.seconds())
                case _:  # nonsense, or nothing any more
                    pass
        except TimeoutError:
            is_late = True
        except OSError:  # it ended meanwhile
            pass
        used_s = timer.seconds()
        fault = CallFault("limit", self._end_late() if is_late else self._cause_of_death())
        return Reply(
            self._lines(calls),
            fault=fault,
            used_s=used_s,
            is_begun=self._answers.has_begun(self._number),
        )

    def _end_late(self) -> str:
        """Kill the process, so that it writes nothing more; return the message of the fault."""
        self.is_lost = True
        self._process.kill()
        self._process.wait()
        return ENDED_LATE

    def _cause_of_death(self) -> str:
        """Return the message of a process that died; kill one that only sends nonsense."""
        self.is_lost = True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(DYING_S if self._messages.is_closed() else 0)
        status = self._process.poll()
        if status is None:
            self._end_late()
            return CRASHED
        return KILLED if _name_of(status) in OUTSIDE_SIGNALS else CRASHED

    def _await_ready(self) -> None:
        why = "does not get ready"
        try:
            if self._is_ready or self._messages.read(START_S) == ["ready"]:
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

    def _lines(self, calls: int) -> list[bytes]:
        return self._answers.lines(self._number, calls)


def _name_of(status: int) -> str:
    """Return the signal that ended a process, or its exit code."""
    with suppress(ValueError):
        return signal.Signals(-status).name
    return f"exit code {status}"
