"""For the tests of a service: what it would send, without a broker."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from producer_sdk._client import client
from producer_sdk._guard import guard
from producer_sdk._node_fields import report_texts
from producer_sdk._redaction.opening import open_redactor
from producer_sdk._transport.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Generator

    from producer_sdk._redaction import Redaction


@contextlib.contextmanager
def recorded(
    *, strict: bool = True, redact: Redaction | None = None
) -> Generator[list[dict[str, Any]]]:
    """Keep events instead of sending them, in all threads, whether initialized or not.

    Args:
        strict: raise what is only counted and logged in production, as a validator that cannot be
            sent as source.
        redact: what to take out of the events; by default, what `initialize` was given.

    Yields:
        The events as a worker would read them, appended at each call.
    """
    recorder = Recorder()
    redactor = client.redactor if redact is None else open_redactor(redact, report_texts)
    before = client.sink, client.redactor, guard.strict
    client.sink, client.redactor, guard.strict = recorder, redactor, strict
    try:
        yield recorder.events
    finally:
        client.sink, client.redactor, guard.strict = before


__all__ = ["recorded"]
