"""The sink of a process that sends nothing: not initialized, disabled, or shut down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer_sdk._guard import guard

if TYPE_CHECKING:
    from producer_sdk._counters import Loss
    from producer_sdk._wire import Record


class NullSink:
    """Counts calls and does nothing with them.

    Args:
        loss: the count that calls go to.
        reason: what to log at a call, None to say nothing.
    """

    live = False

    def __init__(self, loss: Loss, reason: str | None) -> None:
        self._loss: Loss = loss
        self._reason = reason

    def put(self, record: Record) -> None:  # noqa: ARG002 -- as every sink
        """Count a record that was made while the sink was changed."""
        self.ignore()

    def ignore(self) -> None:
        """Count a call, and say why nothing is sent."""
        if self._reason is None:
            guard.counters.add(self._loss)
        else:
            guard.report(self._loss, "initialize", self._reason)

    def waiting(self) -> int:
        """Return 0."""
        return 0

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 -- as every sink
        """Return True: nothing waits."""
        return True

    def close(self, timeout_s: float) -> bool:
        """Return True: nothing waits."""
        return self.flush(timeout_s)

    def after_fork(self) -> NullSink:
        """Return itself: it holds nothing of the parent."""
        return self
