"""A circuit breaker for scripts: one that keeps going over its budget is not run for a while."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.validators.limits import Limits

log = get_logger(__name__)

MAX_REMEMBERED = 1_000
"""Scripts with strikes that are remembered; a sender of ever new ones must not fill our memory."""


@dataclass
class _Record:
    strikes: int = 0
    last_s: float = 0.0
    benched_until_s: float = 0.0


class Bench:
    """Counts the strikes of scripts, and says which are benched. Safe to use from threads.

    Args:
        limits: how many strikes bench a script, and for how long.
        now: seconds on a clock that nobody sets.
    """

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()
        self._lock = threading.Lock()
        self.benched_total = 0
        """How often a script was benched since the start."""

    def strike(self, engine: str, source: str) -> None:
        """Note that a call of the script went over its budget twice."""
        with self._lock:
            record = self._record(engine, source)
            now = self._now()
            if now - record.last_s > self._bench_s:
                record.strikes = 0
            record.strikes += 1
            record.last_s = now
            if record.strikes >= self._limits.strikes:
                self._bench(record, engine, source)

    def seconds_left(self, engine: str, source: str) -> float:
        """Return for how long the script is still benched; 0 if it may run."""
        record = self._records.get((engine, source))
        return 0.0 if record is None else max(0.0, record.benched_until_s - self._now())

    def strikes(self, engine: str, source: str) -> int:
        """Return how many strikes the script has: those with fewer run first."""
        record = self._records.get((engine, source))
        return 0 if record is None else record.strikes

    @property
    def _bench_s(self) -> float:
        return self._limits.bench_ms / 1_000

    def _record(self, engine: str, source: str) -> _Record:
        record = self._records.setdefault((engine, source), _Record())
        self._records.move_to_end((engine, source))
        if len(self._records) > MAX_REMEMBERED:
            self._records.popitem(last=False)
        return record

    def _bench(self, record: _Record, engine: str, source: str) -> None:
        record.benched_until_s = record.last_s + self._bench_s
        record.strikes = 0
        self.benched_total += 1
        log.warning(
            "script benched",
            engine=engine,
            script_sha256=hashlib.sha256(source.encode(errors="replace")).hexdigest()[:16],
            duration_ms=self._limits.bench_ms,
        )
