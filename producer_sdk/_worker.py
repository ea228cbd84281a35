"""The thread that delivers: its own event loop, which runs only while there is something to send."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, TypeAlias

from producer_sdk._guard import guard
from producer_sdk._queue import EventQueue

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from producer_sdk._config import Config
    from producer_sdk._counters import Counters
    from producer_sdk._transport import Transport
    from producer_sdk._wire import Record

    OpenTransport: TypeAlias = Callable[[Config, EventQueue], Transport]

log = logging.getLogger("producer_sdk")

_loading = threading.RLock()
"""Held while modules are loaded: a fork in the middle would leave half of one to the child."""

os.register_at_fork(
    before=_loading.acquire,
    after_in_parent=_loading.release,
    after_in_child=_loading.release,
)

_STOP_S = 3.0
_PAUSE_AFTER_DEFECT_S = 1.0


class Delivery:
    """The sink that sends: a bounded queue and the thread that empties it.

    The thread starts at the first record, so that a server that forks its workers after
    `initialize` has no thread to lose.

    Args:
        config: the configuration.
        counters: where to count.
        open_transport: makes the transport; called in the thread.
        on_start: called before the thread is started, in the process that it will run in.
    """

    live = True

    def __init__(
        self,
        config: Config,
        counters: Counters,
        open_transport: OpenTransport,
        on_start: Callable[[], None],
    ) -> None:
        self._config = config
        self._on_start = on_start
        self._counters = counters
        self._open_transport = open_transport
        self._queue = _open_queue(config, counters)
        self._lock = threading.RLock()
        self._worker: _Worker | None = None
        self._is_started = False
        self._closed = False
        self._forebear: Delivery | None = None

    def put(self, record: Record) -> None:
        """Queue a record; never waits."""
        if self._worker is None:
            self._start()
        self._queue.put(record)

    def ignore(self) -> None:
        """Do nothing: a live sink ignores no call."""

    def waiting(self) -> int:
        """Return how many records wait, those on their way included."""
        return len(self._queue)

    def flush(self, timeout_s: float) -> bool:
        """Wait until what is queued now is delivered; say whether all was in time."""
        if self._config.spool_dir and self._worker is None:
            self._start()  # a process before this one may have left something
        if self._worker is None or not self._worker.is_alive():
            return not self.waiting()  # nobody is there to deliver it
        return self._queue.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush and end the thread; what is not delivered by then is given up."""
        delivered = self.flush(timeout_s)
        with self._lock:
            self._closed = True
        if self._worker is not None:
            self._worker.stop()
        lost = self._queue.abandon()
        if lost:
            log.error(
                "%.1f s were not enough to deliver all events at shutdown, %d are lost; "
                "is the broker reachable?",
                timeout_s,
                lost,
            )
            guard.tell("dropped_at_shutdown", "there was no time to deliver all at shutdown", lost)
        return delivered

    def after_fork(self) -> Delivery:
        """Return a new one: what is queued and connected here is the parent's to send."""
        child = Delivery(self._config, self._counters, self._open_transport, self._on_start)
        # Kept, not collected: closing the parent's event loop in the child would unregister its
        # sockets from the epoll instance that both share.
        child._forebear = self
        self._queue.leave_to_parent()
        return child

    def _start(self) -> None:
        with self._lock:
            if self._is_started or self._closed:
                return
            # Before the rest: a signal handler, or another greenlet, may come in between.
            self._is_started = True
            self._on_start()
            # Nothing is in the queue yet. It is made anew, as its locks must be of the kind that
            # threads are of by now: a worker of gunicorn calls gevent's patches after the fork.
            self._queue = _open_queue(self._config, self._counters)
            self._worker = _Worker(self._config, self._queue, self._open_transport)


def _open_queue(config: Config, counters: Counters) -> EventQueue:
    if not config.spool_dir:
        return EventQueue(config.max_queue_events, config.max_queue_bytes, counters)
    # Only who has a spool pays for it; it needs locks of files, which Windows lacks.
    from producer_sdk._spool.queue import SpooledQueue  # noqa: PLC0415 -- see above

    return SpooledQueue(config, counters)


class _Worker:
    """One thread, one loop, one transport."""

    def __init__(self, config: Config, queue: EventQueue, open_transport: OpenTransport) -> None:
        self._config = config
        self._queue = queue
        self._open_transport = open_transport
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        # A daemon: a host that ends without `shutdown` is not kept; the exit hook flushes.
        self._thread = threading.Thread(target=self._run, name="duly-sdk", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Say whether the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread, whatever it is waiting for; takes up to `_STOP_S` seconds."""
        self._stopping = True
        self._queue.wake()
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # closed just now
                loop.call_soon_threadsafe(self._interrupt)
        self._thread.join(_STOP_S)

    def _interrupt(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        try:
            loop, transport = self._open()
            while not self._stopping:
                self._queue.wait()
                self._drain(loop, transport)
            loop.run_until_complete(transport.close())
        except Exception:
            log.exception("the delivery of events ended by a defect of the SDK; restart to resume")
        finally:
            if self._loop is not None:
                self._loop.close()

    def _open(self) -> tuple[asyncio.AbstractEventLoop, Transport]:
        with _loading:
            # asyncio and aiokafka are loaded here: the host's import pays for neither.
            from producer_sdk._transport.loop import PrivateLoop  # noqa: PLC0415 -- see above

            "".encode("idna")  # what looking up a host name loads
            self._queue.open()
            self._loop = PrivateLoop()
            return self._loop, self._open_transport(self._config, self._queue)

    def _drain(self, loop: asyncio.AbstractEventLoop, transport: Transport) -> None:
        import asyncio  # noqa: PLC0415 -- loaded by the loop already

        self._task = loop.create_task(transport.drain())
        if self._stopping:
            self._task.cancel()
        try:
            loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            return
        except Exception:
            # Whatever it is, events must not stop for it.
            log.exception("delivery failed by a defect of the SDK; it goes on in a second")
            time.sleep(_PAUSE_AFTER_DEFECT_S)
            self._queue.wake()
        finally:
            self._task = None
