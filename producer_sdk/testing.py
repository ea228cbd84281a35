"""For the tests of a service: what it would send, without a broker."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from producer_sdk._client import client
from producer_sdk._guard import guard
from producer_sdk._transport.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Generator


@contextlib.contextmanager
def recorded(*, strict: bool = True) -> Generator[list[dict[str, Any]]]:
    """Keep events instead of sending them, in all threads, whether initialized or not.

    Args:
        strict: raise what is only counted and logged in production, as a validator that cannot be
            sent as source.

    Yields:
        The events as a worker would read them, appended at each call.
    """
    recorder = Recorder()
    sink, was_strict = client.sink, guard.strict
    client.sink, guard.strict = recorder, strict
    try:
        yield recorder.events
    finally:
        client.sink, guard.strict = sink, was_strict


__all__ = ["recorded"]
