"""Sink of a process that sends nothing: not initialized, disabled, or shut down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer_sdk._guard import guard

if TYPE_CHECKING:
    from producer_sdk._counters import Loss
    from producer_sdk._wire import Record


class NullSink:
    """Counts calls and ignores them.

    Args:
        loss: the count to add calls to.
        reason: the message to log at a call, None to log nothing.
    """

    live = False

    def __init__(self, loss: Loss, reason: str | None) -> None:
        self._loss: Loss = loss
        self._reason = reason

    def put(self, record: Record) -> None:  # noqa: ARG002 -- the protocol's signature
        """Count a record that was encoded while the sink was replaced."""
        self.ignore()

    def ignore(self) -> None:
        """Count a call, and log why nothing is sent."""
        if self._reason is None:
            guard.counters.add(self._loss)
        else:
            guard.report(self._loss, "initialize", self._reason)

    def waiting(self) -> int:
        """Return 0."""
        return 0

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 -- the protocol's signature
        """Return True: nothing waits."""
        return True

    def close(self, timeout_s: float) -> bool:
        """Return True: nothing waits."""
        return self.flush(timeout_s)

    def after_fork(self) -> NullSink:
        """Return itself: it holds nothing of the parent."""
        return self
