"""Event queue that overflows to disk: events without room in memory, or without a broker.

Events are taken in the order of their calls. Those in flight are older than those in the spool,
which are older than those in memory. So nothing is taken from memory before the spool is empty, and
the spool is only ever appended to.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from producer_sdk._guard import guard
from producer_sdk._queue import EventQueue, record_size
from producer_sdk._spool.spool import Spool
from producer_sdk._spool.spool_log import SpoolLog
from producer_sdk._spool.spool_thread import SpoolThread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer_sdk._config import Config
    from producer_sdk._counters import Counters, QueueCount
    from producer_sdk._queue import Numbered

_PORTION_BYTES = 256 * 1024


class SpooledQueue(EventQueue):
    """A queue whose events are moved to a spool by a thread, `duly-sdk-spool`."""

    def __init__(self, config: Config, counters: Counters) -> None:
        super().__init__(config.max_queue_events, config.max_queue_bytes, counters)
        self._log = SpoolLog(config.spool_dir)
        self._thread = SpoolThread(self._spool_all)
        self._counters = counters
        self._half_events = config.max_queue_events // 2
        self._half_bytes = config.max_queue_bytes // 2
        self._opened = threading.Event()
        self._spooling = threading.Lock()  # held during a move into the spool or out of it
        # Under `_spooling`:
        self._spool = Spool(Path(config.spool_dir) / config.topic, config.spool_max_bytes)
        self._on_way_from_memory: dict[int, Numbered] = {}
        # Under the ledger:
        self._spooled = 0  # events in the spool, those read but not settled included
        self._lowest_unread: int | None = None

    def open(self) -> None:
        """Take over what processes that have ended have left, and start the thread."""
        with self._spooling:
            found = self._spool.take_over()
            with self._ledger:
                self._spooled += found
                self._lowest_unread = self._spool.lowest_unread
        if found:
            self._counters.found_in_spool += found
            self._log.found(found)
            self.wakeup.set()
        self._thread.start()
        self._opened.set()

    def set_broker_away(self, *, is_away: bool) -> None:
        """Spool everything while the broker is away; else keep in memory what has room there."""
        self._thread.set_broker_away(is_away=is_away)

    def flush(self, timeout_s: float) -> bool:
        """Wait as every queue does; spool what is not delivered in time."""
        until = time.monotonic() + timeout_s
        self._opened.wait(timeout_s)  # events that are taken over count too
        delivered = super().flush(max(0.0, until - time.monotonic()))
        if not delivered:
            self._spool_all()
        return delivered

    def __len__(self) -> int:
        """Return how many events wait: in memory, in the spool and in flight."""
        with self._ledger:  # an event that is being moved counts once
            return super().__len__() + self._spooled

    def is_drained(self) -> bool:
        """Return True if there is nothing to take."""
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
            if not unreadable:
                return taken
            self._spool.settle(unreadable)
            with self._ledger:
                self._spooled -= len(unreadable)
                self._counts["dropped_unreadable"] += len(unreadable)
        self._log.unreadable(len(unreadable))
        with self._settled:
            self._settled.notify_all()
        return taken

    def settle(
        self, records: Sequence[Numbered], outcome: QueueCount, lowest_on_way: int | None
    ) -> None:
        """Remove records that were taken, from memory or from the spool."""
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
        """Leave what waits to the next process; return how many events are lost all the same."""
        self._thread.stop()
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
            self._log.left(left)
        return super().abandon()

    def leave_to_parent(self) -> None:
        """Release the file locks, which a forked child shares with its parent."""
        self._spool.leave_to_parent()

    def _book(self) -> int:
        dropped = super()._book()
        if len(self._records) > self._half_events or self._bytes > self._half_bytes:
            self._thread.wake()
        return dropped

    def _done_until(self) -> int:
        done, unread = super()._done_until(), self._lowest_unread
        return done if unread is None else min(done, unread)

    @guard(None)
    def _spool_all(self) -> None:
        """Move to the spool what is in memory now, and write a copy of what is in flight."""
        end = self._end()
        try:
            with self._spooling:
                kept = self._spool.holds
                in_flight = [
                    item for item in self._on_way_from_memory.values() if not kept(item[0])
                ]
                if in_flight:
                    self._spool.keep(in_flight)
            while self._number < end and self._spool_portion():
                pass
        except OSError as error:
            self._log.not_written(error, len(self))

    def _spool_portion(self) -> bool:
        """Move the oldest events in memory to the spool; return True if there were any."""
        with self._spooling:
            portion = self._out_of_memory()
            if not portion:
                return False
            try:
                dropped = self._spool.append(portion)
            except OSError:
                with self._ledger:
                    self._spooled -= len(portion)
                    self._lowest_unread = self._spool.lowest_unread
                    if self._number == portion[-1][0] + 1:
                        self._number = portion[0][0]
                        self._records.extendleft(record for _, record in reversed(portion))
                        self._bytes += sum(record_size(record) for _, record in portion)
                    else:  # younger ones have been dropped already
                        self._counts["dropped_queue_full"] += len(portion)
                raise
            with self._ledger:
                self._lowest_unread = self._spool.lowest_unread
                self._spooled -= dropped
                self._counts["dropped_spool_full"] += dropped
        if dropped:
            self._log.full(dropped, self._counts["dropped_spool_full"])
        with self._settled:
            self._settled.notify_all()
        return True

    def _out_of_memory(self) -> list[Numbered]:
        """Take the oldest events in memory, up to one portion; they count as spooled from now on."""
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
