"""The queue that goes on in files: what has no room in memory, or no broker, waits there.

Events are taken in the order in which they came. Those on their way are older than those in the
spool, and these are older than those in memory; so nothing is taken from memory before the spool
is empty, and the spool is only ever appended to.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from producer_sdk._guard import guard
from producer_sdk._log_throttle import Seldom
from producer_sdk._queue import EventQueue, record_size
from producer_sdk._spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer_sdk._config import Config
    from producer_sdk._counters import Counters, QueueCount
    from producer_sdk._queue import Numbered

log = logging.getLogger("producer_sdk")

_PORTION_BYTES = 256 * 1024
_AWAY_INTERVAL_S = 0.2
"""While the broker is away, a process that is killed loses what it recorded in this time."""
_LOG_INTERVAL_S = 30.0
_CLOSE_S = 3.0


class SpooledQueue(EventQueue):
    """A queue whose events go to a spool by a thread of its own, `duly-sdk-spool`."""

    def __init__(self, config: Config, counters: Counters) -> None:
        super().__init__(config.max_queue_events, config.max_queue_bytes, counters)
        self._folder = config.spool_dir
        self._counters = counters
        self._half_events = config.max_queue_events // 2
        self._half_bytes = config.max_queue_bytes // 2
        self._may_log_spool = Seldom(_LOG_INTERVAL_S, time.monotonic)
        self._may_log_disk = Seldom(_LOG_INTERVAL_S, time.monotonic)
        self._away = self._closing = False
        self._need = threading.Lock()  # released: there is something to spool; see `_signal`
        self._need.acquire()
        self._thread: threading.Thread | None = None
        self._opened = threading.Event()
        self._spooling = threading.Lock()  # held over a move into the spool or out of it
        # Under `_spooling`:
        self._spool = Spool(Path(config.spool_dir) / config.topic, config.spool_max_bytes)
        self._on_way_from_memory: dict[int, Numbered] = {}
        # Under the ledger:
        self._spooled = 0  # events in the spool, those read and not settled included
        self._lowest_unread: int | None = None

    def open(self) -> None:
        """Take over what processes that have ended left, and start the thread."""
        with self._spooling:
            found = self._spool.take_over()
            with self._ledger:
                self._spooled += found
                self._lowest_unread = self._spool.lowest_unread
        if found:
            self._counters.found_in_spool += found
            log.warning("%d events were left in %s, and are sent now", found, self._folder)
            self.wake()
        self._thread = threading.Thread(target=self._run, name="duly-sdk-spool", daemon=True)
        self._thread.start()
        self._opened.set()

    def broker_is_away(self) -> None:
        """Put all that waits into the spool from now on, and what is on its way."""
        self._away = True
        _release(self._need)

    def broker_is_back(self) -> None:
        """Keep in memory what has room there."""
        self._away = False

    def flush(self, timeout_s: float) -> bool:
        """Wait as every queue does; what is not delivered by then is put into the spool."""
        until = time.monotonic() + timeout_s
        self._opened.wait(timeout_s)  # what is taken over is waited for as well
        delivered = super().flush(max(0.0, until - time.monotonic()))
        if not delivered:
            self._spool_all()
        return delivered

    def __len__(self) -> int:
        """Return how many events wait, in memory, in the spool and on their way."""
        with self._ledger:  # what moves from one place to the other is in one of them
            return super().__len__() + self._spooled

    def is_drained(self) -> bool:
        """Say whether there is nothing to take."""
        return self._lowest_unread is None and super().is_drained()

    def take(self, max_events: int, max_bytes: int) -> list[Numbered]:
        """Return the oldest events, from memory only once the spool has been read."""
        with self._spooling:
            if self._spool.lowest_unread is None:
                taken = super().take(max_events, max_bytes)
                self._on_way_from_memory.update((numbered[0], numbered) for numbered in taken)
                return taken
            taken, unreadable = self._spool.read(max_events, max_bytes)
            with self._ledger:
                if taken and self._lowest_on_way is None:
                    self._lowest_on_way = taken[0][0]
                self._lowest_unread = self._spool.lowest_unread
            if unreadable:
                self._give_up(unreadable)
        return taken

    def settle(
        self, records: Sequence[Numbered], outcome: QueueCount, lowest_on_way: int | None
    ) -> None:
        """Forget records that were taken, wherever they came from."""
        with self._spooling:
            from_memory = [item for item in records if item[0] in self._on_way_from_memory]
            for number, _ in from_memory:
                del self._on_way_from_memory[number]
            in_files = [number for number, _ in records if self._spool.holds(number)]
            self._spool.settle(in_files)
            from_spool = len(records) - len(from_memory)
            with self._ledger:
                if not self._abandoned:
                    self._counts[outcome] += from_spool
                    self._spooled -= from_spool
        super().settle(from_memory, outcome, lowest_on_way)

    def abandon(self) -> int:
        """Leave to the next process what waits, and return how many events are lost all the same."""
        self._closing = True
        _release(self._need)
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
        self._spool_all()
        with self._spooling:
            kept = sum(self._spool.holds(number) for number in self._on_way_from_memory)
            with self._ledger:
                left = self._spooled + kept
                self._counts["left_in_spool"] += left
                self._on_way -= kept
                self._spooled = 0
            self._spool.close()
        if left:
            log.warning("%d events are left in %s to the next process", left, self._folder)
        return super().abandon()

    def leave_to_parent(self) -> None:
        """Let go of the locks of files, which a forked child shares."""
        self._spool.leave_to_parent()

    def _book(self) -> int:
        dropped = super()._book()
        if len(self._records) > self._half_events or self._bytes > self._half_bytes:
            _release(self._need)
        return dropped

    def _done_until(self) -> int:
        done, unread = super()._done_until(), self._lowest_unread
        return done if unread is None else min(done, unread)

    def _run(self) -> None:
        while not self._closing:
            self._need.acquire(timeout=_AWAY_INTERVAL_S if self._away else -1)
            self._spool_all()

    @guard(None)
    def _spool_all(self) -> None:
        """Move to the spool what is in memory now, and keep there what is on its way."""
        end = self._end()
        try:
            with self._spooling:
                self._keep_on_way()
            while self._number < end and self._spool_portion():
                pass
        except OSError as error:
            self._say_not_spooled(str(error))

    def _keep_on_way(self) -> None:
        kept = self._spool.holds
        records = [item for item in self._on_way_from_memory.values() if not kept(item[0])]
        if records:
            self._spool.keep(records)

    def _spool_portion(self) -> bool:
        """Move the oldest events in memory to the spool; return whether there were any."""
        with self._spooling:
            portion = self._out_of_memory()
            if not portion:
                return False
            try:
                given_up = self._spool.append(portion)
            except OSError:
                self._back_to_memory(portion)
                raise
            with self._ledger:
                self._lowest_unread = self._spool.lowest_unread
                self._spooled -= given_up
                self._counts["dropped_spool_full"] += given_up
        if given_up:
            self._say_full(given_up)
        self._notify()
        return True

    def _out_of_memory(self) -> list[Numbered]:
        portion: list[Numbered] = []
        size = 0
        with self._ledger:
            self._book()
            if self._records and self._lowest_unread is None:
                self._lowest_unread = self._number  # before it is out of `_records`: see `flush`
            while self._records and size < _PORTION_BYTES:
                record = self._records.popleft()
                portion.append((self._number, record))
                self._number += 1
                size += record_size(record)
            self._bytes -= size
            self._spooled += len(portion)
        return portion

    def _back_to_memory(self, portion: list[Numbered]) -> None:
        with self._ledger:
            self._spooled -= len(portion)
            self._lowest_unread = self._spool.lowest_unread
            if self._number != portion[-1][0] + 1:  # younger ones are dropped already
                self._counts["dropped_queue_full"] += len(portion)
                return
            self._number = portion[0][0]
            self._records.extendleft(record for _, record in reversed(portion))
            self._bytes += sum(record_size(record) for _, record in portion)

    def _give_up(self, unreadable: list[int]) -> None:
        self._spool.settle(unreadable)
        with self._ledger:
            self._spooled -= len(unreadable)
            self._counts["dropped_unreadable"] += len(unreadable)
        log.warning("%d lines in %s are not events, and are lost", len(unreadable), self._folder)
        guard.tell("dropped_unreadable", "lines of the spool are not events", len(unreadable))
        self._notify()

    def _say_full(self, given_up: int) -> None:
        if self._may_log_spool():
            log.warning(
                "the spool in %s is full: the oldest events are dropped, %d so far; "
                "is the broker reachable, and spool_max_bytes enough?",
                self._folder,
                self._counts["dropped_spool_full"],
            )
        guard.tell("dropped_spool_full", "the spool is full", given_up)

    def _say_not_spooled(self, reason: str) -> None:
        if self._may_log_disk():
            log.error(
                "events cannot be written to %s: %s; they wait in memory", self._folder, reason
            )
            guard.tell("not_spooled", f"{self._folder}: {reason}", len(self))

    def _notify(self) -> None:
        with self._settled:
            self._settled.notify_all()


def _release(signal: threading.Lock) -> None:
    try:
        signal.release()
    except RuntimeError:
        """It is released already."""
