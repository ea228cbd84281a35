"""Where records go: sinks take them from calls, transports carry them from the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from producer_sdk._wire import Record


class Sink(Protocol):
    """What calls hand their records to; its methods are called by any thread.

    Attributes:
        live: whether a call is worth its work; else only `ignore` is called.
    """

    live: bool

    def put(self, record: Record) -> None:
        """Take a record; never waits."""
        ...

    def ignore(self) -> None:
        """Count a call that is not worth its work."""
        ...

    def waiting(self) -> int:
        """Return how many records are taken and not yet delivered."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was taken is delivered; say whether all was in time."""
        ...

    def close(self, timeout_s: float) -> bool:
        """Flush and take nothing more; say whether all was delivered in time."""
        ...

    def after_fork(self) -> Sink:
        """Return what a forked child uses instead: its threads are gone, its sockets shared."""
        ...


class Transport(Protocol):
    """Carries records from a queue; lives in the worker's thread and event loop."""

    async def drain(self) -> None:
        """Deliver what the queue holds, however long that takes; return when it is empty.

        The loop stands still between two calls.
        """
        ...

    async def close(self) -> None:
        """Let go of connections, without waiting for a broker that does not answer."""
        ...
