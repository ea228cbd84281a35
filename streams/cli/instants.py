"""Instants on the command line and on the screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer

INSTANT = "TIME"
"""The metavar of options that `parse_instant_option` reads."""


def parse_instant_option(text: Any) -> int:
    """Return the value of an option, nanoseconds since 1970 or ISO 8601, in nanoseconds."""
    from streams.replay.recording import parse_instant

    try:
        return parse_instant(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def day_and_time(instant_ms: int) -> str:
    """Return an instant with its date, in UTC and milliseconds."""
    second = datetime.fromtimestamp(instant_ms // 1000, UTC)
    return f"{second:%Y-%m-%d %H:%M:%S}.{instant_ms % 1000:03d} UTC"
