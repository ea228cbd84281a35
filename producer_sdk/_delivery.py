"""Delivery: a bounded queue and the thread that sends from it, with an event loop of its own."""

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
"""Held during imports: a fork in the middle would leave half-loaded modules in the child."""

os.register_at_fork(
    before=_loading.acquire,
    after_in_parent=_loading.release,
    after_in_child=_loading.release,
)

_STOP_S = 3.0
_PAUSE_AFTER_DEFECT_S = 1.0


class Delivery:
    """The sink that sends: a bounded queue and the thread that empties it.

    The thread starts at the first record: a server that forks its workers after `initialize` must
    have no thread to lose.

    Args:
        config: the configuration.
        counters: the counts of the process.
        open_transport: makes the transport; called in the thread.
        on_start: called before the thread is started, in the process in which it will run.
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
        self._thread: _DeliveryThread | None = None
        self._is_started = False
        self._closed = False
        self._parent: Delivery | None = None

    def put(self, record: Record) -> None:
        """Queue a record; never waits."""
        if self._thread is None:
            self._start()
        self._queue.put(record)

    def ignore(self) -> None:
        """Do nothing: a live sink ignores no call."""

    def waiting(self) -> int:
        """Return how many records wait, those in flight included."""
        return len(self._queue)

    def flush(self, timeout_s: float) -> bool:
        """Wait until what is queued now is delivered; return True if that was in time."""
        if self._config.spool_dir and self._thread is None:
            self._start()  # an earlier process may have left events
        if self._thread is None or not self._thread.is_alive():
            return not self.waiting()  # no thread is there to deliver it
        return self._queue.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush and end the thread; drop what is not delivered by then."""
        delivered = self.flush(timeout_s)
        with self._lock:
            self._closed = True
        if self._thread is not None:
            self._thread.stop()
        lost = self._queue.abandon()
        if lost:
            log.error(
                "%.1f s were not enough to deliver all events at shutdown, %d are lost; "
                "is the broker reachable?",
                timeout_s,
                lost,
            )
            guard.on_error(
                "dropped_at_shutdown", "not all events were delivered in time at shutdown", lost
            )
        return delivered

    def after_fork(self) -> Delivery:
        """Return a new, empty delivery: the parent sends what is queued here."""
        child = Delivery(self._config, self._counters, self._open_transport, self._on_start)
        # Kept, not collected: closing the parent's event loop in the child would unregister its
        # sockets from the epoll instance that both share.
        child._parent = self
        self._queue.leave_to_parent()
        return child

    def _start(self) -> None:
        with self._lock:
            if self._is_started or self._closed:
                return
            # Set first: a signal handler, or another greenlet, may run in between.
            self._is_started = True
            self._on_start()
            # Nothing is in the queue yet. It is made again because its locks must be of the same
            # kind as threads are by now: a gunicorn worker applies gevent's patches after the fork.
            self._queue = _open_queue(self._config, self._counters)
            self._thread = _DeliveryThread(self._config, self._queue, self._open_transport)


def _open_queue(config: Config, counters: Counters) -> EventQueue:
    if not config.spool_dir:
        return EventQueue(config.max_queue_events, config.max_queue_bytes, counters)
    # Loaded only with a spool; it needs file locks, which Windows does not have.
    from producer_sdk._spool.spooled_queue import SpooledQueue  # noqa: PLC0415 -- see above

    return SpooledQueue(config, counters)


class _DeliveryThread:
    """The thread `duly-sdk`: one event loop and one transport."""

    def __init__(self, config: Config, queue: EventQueue, open_transport: OpenTransport) -> None:
        self._config = config
        self._queue = queue
        self._open_transport = open_transport
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        # A daemon, so that it does not keep the host alive; the exit hook flushes.
        self._thread = threading.Thread(target=self._run, name="duly-sdk", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Return True if the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread, whatever it waits for; takes up to `_STOP_S` seconds."""
        self._stopping = True
        self._queue.wakeup.set()
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
                self._queue.wakeup.wait()
                self._drain(loop, transport)
            loop.run_until_complete(transport.close())
        except Exception:
            log.exception(
                "the delivery of events ended because of a defect of the SDK; restart to resume"
            )
        finally:
            if self._loop is not None:
                self._loop.close()

    def _open(self) -> tuple[asyncio.AbstractEventLoop, Transport]:
        with _loading:
            # asyncio and aiokafka are loaded here, not when the host imports the SDK.
            from producer_sdk._transport.private_loop import PrivateLoop  # noqa: PLC0415 -- see above

            "".encode("idna")  # loads the codec that a look-up of a host name needs
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
            # Whatever went wrong, delivery must go on.
            log.exception("delivery failed because of a defect of the SDK; it resumes in a second")
            time.sleep(_PAUSE_AFTER_DEFECT_S)
            self._queue.wakeup.set()
        finally:
            self._task = None
