"""Instants on the command line and on the screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer

INSTANT = "TIME"
"""How help texts call a value of `parse_instant_option`."""


def parse_instant_option(text: Any) -> int:
    """Read the value of an option, nanoseconds since 1970 or ISO 8601; returns nanoseconds."""
    from streams.replay.recording import parse_instant

    try:
        return parse_instant(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def day_and_time(instant_ms: int) -> str:
    """Return an instant as a person reads it who does not know the day: UTC, milliseconds."""
    second = datetime.fromtimestamp(instant_ms // 1000, UTC)
    return f"{second:%Y-%m-%d %H:%M:%S}.{instant_ms % 1000:03d} UTC"
