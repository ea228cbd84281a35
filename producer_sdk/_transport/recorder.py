"""Sink for tests: keeps events in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from producer_sdk._wire import Record


class Recorder:
    """Decodes each record at once, so that a test sees events that went through JSON.

    Attributes:
        events: the decoded events, in the order of the calls.
    """

    live = True

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def put(self, record: Record) -> None:
        """Keep a record."""
        self.events.append(orjson.loads(record[1]))

    def ignore(self) -> None:
        """Do nothing: a live sink ignores no call."""

    def waiting(self) -> int:
        """Return 0: what is recorded is delivered."""
        return 0

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 -- the protocol's signature
        """Return True: nothing waits."""
        return True

    def close(self, timeout_s: float) -> bool:
        """Return True: nothing waits."""
        return self.flush(timeout_s)

    def after_fork(self) -> Recorder:
        """Return itself: the child records into its own copy."""
        return self
