"""Health of script engines: retries calls while an engine fails, and gives up after a timeout.

An engine that cannot start, or whose processes keep dying for reasons that are not a script's, says nothing about
a run: its calls are retried until they are answered. Meanwhile the worker is not ready. After the timeout without
one good answer it ends, to be restarted where things are better.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from streams.errors import EngineUnavailable
from streams.log import get_logger
from streams.scripts.language import EngineFailed, cut

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = get_logger(__name__)

_Result = TypeVar("_Result")

ENGINE_TIMEOUT_S = 10.0
"""Timeout of callers other than a worker: a command, a test."""

RETRY_S = 0.2
"""Time between two tries."""

LOG_EVERY_S = 10.0
"""An engine that still does not work is logged again after so long."""


@dataclass
class _Trouble:
    since_s: float
    reason: str
    logged_s: float


class EngineHealth:
    """Knows which engines fail. Thread-safe, except for `retry`.

    Args:
        engine_timeout_s: time without one good answer of an engine after which it is given up.
        now: seconds on a monotonic clock.
    """

    def __init__(
        self, engine_timeout_s: float = ENGINE_TIMEOUT_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s = engine_timeout_s
        self._now = now
        self._troubles: dict[str, _Trouble] = {}
        self._good_s: dict[str, float] = {}
        self._waiting: dict[str, int] = {}
        self._lock = threading.Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Let no call wait any longer."""
        self._is_stopped = True

    def works(self, engine: str) -> None:
        """Note that an engine has just worked, whatever it answered."""
        now = self._now()
        with self._lock:
            self._good_s[engine] = now
            trouble = self._troubles.pop(engine, None)
        if trouble is not None:
            duration_ms = round((now - trouble.since_s) * 1_000)
            log.info("script engine works again", engine=engine, duration_ms=duration_ms)

    def is_troubled(self, engine: str) -> bool:
        """Return True if calls of an engine wait until it works."""
        return engine in self._troubles

    def why_waiting(self) -> str | None:
        """Return which engines calls wait for and why, None if there are none."""
        with self._lock:
            troubles = dict(self._troubles)
        now = self._now()
        return (
            "; ".join(
                f"the script engine {engine} has not worked for {now - trouble.since_s:.0f} s, "
                f"what needs it waits ({trouble.reason})"
                for engine, trouble in troubles.items()
            )
            or None
        )

    async def retry(self, engine: str, attempt: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return the result of `attempt`, repeated until the engine works.

        Raises:
            EngineUnavailable: it failed for too long, or the sandbox stops.
        """
        began_s: float | None = None
        try:
            while True:
                try:
                    return await attempt()
                except EngineFailed as failure:
                    if began_s is None:
                        began_s = self._now()
                        self._waiting[engine] = self._waiting.get(engine, 0) + 1
                    self._take_failure(engine, cut(str(failure)), began_s)
                await asyncio.sleep(RETRY_S)
        finally:
            if began_s is not None:
                self._leave(engine)

    def _take_failure(self, engine: str, reason: str, began_s: float) -> None:
        if self._is_stopped:
            raise EngineUnavailable(f"{reason}: the sandbox stops")
        now = self._now()
        with self._lock:
            trouble = self._troubles.setdefault(engine, _Trouble(now, reason, -math.inf))
            trouble.reason = reason
            is_due = now - trouble.logged_s >= LOG_EVERY_S
            if is_due:
                trouble.logged_s = now
        lasted_s = now - max(began_s, self._good_s.get(engine, began_s))
        if is_due:
            log.warning(
                "script engine does not work",
                engine=engine,
                reason=reason,
                duration_ms=round(lasted_s * 1_000),
                ends_after_ms=round(self._timeout_s * 1_000),
            )
        if lasted_s >= self._timeout_s:
            raise EngineUnavailable(
                f"the script engine {engine} has not worked for {lasted_s:.0f} s ({reason}): nothing "
                "is judged without it. See that this machine has file descriptors, memory and "
                "processes left, and that nothing kills the processes of the sandbox; then start again"
            )

    def _leave(self, engine: str) -> None:
        with self._lock:
            self._waiting[engine] -= 1
            if not self._waiting[engine]:
                self._troubles.pop(engine, None)
