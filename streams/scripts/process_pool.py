"""Pool of the sandbox processes of one language: lends them out, replaces those that are lost.

A spare one may stand ready beside those in use, so that only the first request waits for a start.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from streams.scripts.language import EngineFailed
from streams.scripts.process_client import SandboxProcess
from streams.scripts.resource_limits import lower_priority

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from streams.scripts.limits import Limits
    from streams.scripts.process_client import Reply

MAX_UNREAD = 3
"""Processes in a row that may die before they read a request; then the engine is at fault."""


class ProcessPool:
    """Processes that run scripts of one language. Thread-safe; the number of threads bounds its size.

    Args:
        engine: `cel` or `js`.
        limits: budgets of scripts.
        quarantined: whether it is for scripts that went over their limits: then the processes run when
            others do not need the CPU, and none stands ready.
    """

    def __init__(self, engine: str, limits: Limits, *, quarantined: bool = False) -> None:
        self._is_low_priority = quarantined
        self._has_spare = not quarantined
        self._engine = engine
        self._limits = limits
        self._lock = threading.Lock()
        self._idle: deque[SandboxProcess] = deque()
        self._is_stopped = False

    def stop(self) -> None:
        """End all processes; those in use when they are given back."""
        with self._lock:
            self._is_stopped = True
            idle, self._idle = self._idle, deque()
        for process in idle:
            process.end()

    def ask(
        self, source: str, texts: Sequence[bytes], explain: Sequence[bool], seconds: float
    ) -> Reply:
        """Ask a process that is free; see `SandboxProcess.ask`.

        Raises:
            EngineFailed: none can be started, or none lives long enough to be asked.
        """
        for _ in range(MAX_UNREAD):
            with self._lend() as process:
                reply = process.ask(source, texts, explain, seconds)
            if not reply.is_unread:
                return reply
        raise EngineFailed(
            f"{self._engine}: the engine does not work: its processes end before they are asked"
        )

    @contextmanager
    def _lend(self) -> Generator[SandboxProcess]:
        process = self._take()
        try:
            yield process
        finally:
            self._give_back(process)

    def _take(self) -> SandboxProcess:
        with self._lock:
            while self._idle:
                process = self._idle.popleft()
                if process.is_alive():
                    break
                process.end()
            else:
                process = self._start()
            if self._has_spare and not self._idle:
                with suppress(EngineFailed):  # no request waits for this one yet
                    self._idle.append(self._start())
        return process

    def _give_back(self, process: SandboxProcess) -> None:
        with self._lock:
            if not (process.is_lost or self._is_stopped):
                self._idle.appendleft(process)  # before those that are still starting
                return
        process.end()

    def _start(self) -> SandboxProcess:
        try:
            process = SandboxProcess(self._engine, self._limits)
        except OSError as error:
            raise EngineFailed(f"{self._engine}: the engine cannot start: {error}") from error
        if self._is_low_priority:
            lower_priority(process.pid)
        return process
