"""Circuit breaker for scripts: suspends one that keeps going over its limits."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.scripts.limits import Limits

log = get_logger(__name__)

MAX_REMEMBERED = 1_000
"""Scripts with strikes, and known scripts: a sender of ever new ones must not fill our memory."""


MAX_DOUBLINGS = 6
"""A script that goes over its limits again is suspended for twice as long each time, up to 64 times."""

FORGIVEN_AFTER = 10
"""So many times `suspension_ms` after its last strike or suspension, a script is like new."""


@dataclass
class _Record:
    strikes: int = 0
    wasted_s: float = 0.0
    suspensions: int = 0
    last_s: float = -math.inf
    until_s: float = -math.inf

    @property
    def free_since_s(self) -> float:
        """The last strike, or the end of the suspension that it brought."""
        return max(self.last_s, self.until_s)


class CircuitBreaker:
    """Counts the strikes of scripts, and suspends those with too many. Thread-safe.

    Args:
        limits: how many strikes suspend a script, and for how long.
        now: seconds on a monotonic clock.
        on_suspended: called with the engine of each script that is suspended, from any thread.
    """

    def __init__(
        self,
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
        on_suspended: Callable[[str], None] | None = None,
    ) -> None:
        self._strikes = limits.strikes
        self._suspension_s = limits.suspension_ms / 1_000
        self._call_s = limits.call_s
        self._now = now
        self._on_suspended = on_suspended
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def mark_known(self, engine: str, source: str) -> None:
        """Note that the script has answered a call, or is refused, which costs nothing either."""
        with self._lock:
            record = self._records.get((engine, source))
            if record is not None and not (record.strikes or record.suspensions):
                del self._records[engine, source]
            self._known[engine, source] = None
            self._known.move_to_end((engine, source))
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)

    def is_known(self, engine: str, source: str) -> bool:
        """Return True if the script has answered before."""
        return (engine, source) in self._known

    def strike(self, engine: str, source: str) -> None:
        """Note that a call of the script went over its limits."""
        with self._lock:
            record = self._record(engine, source)
            now = self._now()
            if now - record.last_s > self._suspension_s:
                record.strikes = 0
            if now < record.until_s:  # suspended already, by calls that ran meanwhile
                return
            if not self._is_remembered(record):
                record.suspensions = 0
            record.strikes += 1
            record.last_s = now
            is_unknown = (engine, source) not in self._known
            is_suspended = record.strikes >= self._strikes or record.suspensions > 0 or is_unknown
            if is_suspended:
                self._suspend(record, engine, source)
        if is_suspended and self._on_suspended is not None:
            self._on_suspended(engine)

    def note_waste(self, engine: str, source: str, seconds: float) -> None:
        """Note that a script used CPU time and gave no answer, but cannot be said to be over its limits.

        Twice the time of a call, for no answer at all, is a strike: on a busy machine there may
        never be a call that has its whole time in one piece.
        """
        with self._lock:
            if (engine, source) in self._known:
                return
            record = self._record(engine, source)
            record.wasted_s += seconds
            record.last_s = self._now()  # it is suspect now: its next call is not tried first
            if record.wasted_s < 2 * self._call_s:
                return
            record.wasted_s = 0.0
        self.strike(engine, source)

    def seconds_left(self, engine: str, source: str) -> float:
        """Return for how long the script is still suspended; 0 if it may run."""
        record = self._records.get((engine, source))
        return 0.0 if record is None else max(0.0, record.until_s - self._now())

    def is_suspect(self, engine: str, source: str) -> bool:
        """Return True if the script went over its limits recently."""
        record = self._records.get((engine, source))
        return record is not None and self._is_remembered(record)

    def _is_remembered(self, record: _Record) -> bool:
        return self._now() - record.free_since_s <= self._suspension_s * FORGIVEN_AFTER

    def _record(self, engine: str, source: str) -> _Record:
        record = self._records.setdefault((engine, source), _Record())
        self._records.move_to_end((engine, source))
        if len(self._records) > MAX_REMEMBERED:
            self._records.popitem(last=False)
        return record

    def _suspend(self, record: _Record, engine: str, source: str) -> None:
        seconds = self._suspension_s * 2 ** min(record.suspensions, MAX_DOUBLINGS)
        record.until_s = record.last_s + seconds
        record.suspensions += 1
        record.strikes = 0
        log.warning(
            "script suspended",
            engine=engine,
            script_sha256=hashlib.sha256(source.encode(errors="replace")).hexdigest()[:16],
            duration_ms=round(seconds * 1_000),
        )
