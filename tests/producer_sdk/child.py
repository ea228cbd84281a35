"""The child process of a test of multiprocessing; in a file, as `spawn` imports it."""

from __future__ import annotations

from producer_sdk import act, initialize


def record(number: int) -> None:
    """Record one event, and end without a shutdown."""
    initialize()
    act(f"child-{number}", "checkout", "order-1")
