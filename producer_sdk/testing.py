"""Test double for services: records events instead of sending them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from producer_sdk._client import client
from producer_sdk._guard import guard
from producer_sdk._node_fields import report_texts
from producer_sdk._redaction import open_redactor
from producer_sdk._transport.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Generator

    from producer_sdk._redaction import Redaction


@contextlib.contextmanager
def recorded(
    *, strict: bool = True, redact: Redaction | None = None
) -> Generator[list[dict[str, Any]]]:
    """Keep events of all threads instead of sending them; needs no `initialize`.

    Args:
        strict: raise errors that are only counted and logged in production, such as a validator that
            cannot be sent as source.
        redact: the redaction of the events; by default that of `initialize`.

    Yields:
        The events as a worker would read them; each call appends one.
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
