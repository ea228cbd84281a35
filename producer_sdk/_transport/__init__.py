"""Interfaces of delivery: a sink takes records from calls, a transport sends them from the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from producer_sdk._wire import Record


class Sink(Protocol):
    """Takes the records of calls; any thread may call it.

    Attributes:
        live: if False, calls are not encoded, and only `ignore` is called.
    """

    live: bool

    def put(self, record: Record) -> None:
        """Take a record; never blocks."""
        ...

    def ignore(self) -> None:
        """Count a call that is ignored."""
        ...

    def waiting(self) -> int:
        """Return how many records were taken and are not yet delivered."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was taken is delivered; return True if that was in time."""
        ...

    def close(self, timeout_s: float) -> bool:
        """Flush and take nothing more; return True if everything was delivered in time."""
        ...

    def after_fork(self) -> Sink:
        """Return the sink of a forked child, where threads are gone and sockets are shared."""
        ...


class Transport(Protocol):
    """Sends records from a queue; runs in the delivery thread and its event loop."""

    async def drain(self) -> None:
        """Deliver what the queue holds, however long that takes; return when it is empty.

        The event loop does not run between two calls.
        """
        ...

    async def close(self) -> None:
        """Close connections without waiting for a broker that does not answer."""
        ...
