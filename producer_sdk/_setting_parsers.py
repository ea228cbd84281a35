"""Parsers of settings: an object or a text of the environment to the value of the setting.

Each takes the name of the argument or variable, for the message, and what was given; it raises
UsageError if that cannot be used.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, cast

from producer_sdk._errors import UsageError
from producer_sdk._redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from producer_sdk._redaction import Redact

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name: str, given: Any) -> str:
    """Return a text that is not empty; a path is taken too."""
    if isinstance(given, os.PathLike):
        given = os.fspath(cast("os.PathLike[str]", given))
    if not isinstance(given, str) or not given:
        raise UsageError(name, f"{name} must be a text")
    return given


def flag(name: str, given: Any) -> bool:
    """Return a boolean; 1, true, yes and on are True."""
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in _TRUE | _FALSE:
        return given.lower() in _TRUE
    raise UsageError(name, f"{name} must be true or false")


def servers(name: str, given: Any) -> tuple[str, ...]:
    """Return Kafka bootstrap servers, given as a list or separated by commas."""
    listed = given.split(",") if isinstance(given, str) else given
    try:
        servers = tuple(str(item).strip() for item in cast("Iterable[object]", listed))
    except TypeError:
        servers = ()
    if not servers or not all(_is_server(server) for server in servers):
        raise UsageError(name, f"{name} must be host:port, several separated by commas")
    return servers


def url(name: str, given: Any) -> str:
    """Return an HTTP address without credentials, query or fragment."""
    from urllib.parse import urlsplit  # noqa: PLC0415 -- only who sends over HTTP pays for it

    try:
        parts = urlsplit(text(name, given))
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    else:
        sound = sound and not (parts.username or parts.password or parts.query or parts.fragment)
    if not sound:
        raise UsageError(
            name, f"{name} must be http:// or https://, a host, and no more than a path"
        )
    return str(given).rstrip("/")


def key(name: str, given: Any) -> str:
    """Return an API key, which must fit a header."""
    if not isinstance(given, str) or not given.isascii() or not given.isprintable():
        raise UsageError(name, f"{name} must be a text of visible ASCII characters")
    return given.strip()


def seconds(least: float, most: float) -> Callable[[str, Any], float]:
    """Return a parser of seconds in a range."""

    def parse(name: str, given: Any) -> float:
        try:
            value = math.nan if isinstance(given, bool) else float(given)
        except (TypeError, ValueError):
            value = math.nan
        if not least <= value <= most:
            raise UsageError(name, f"{name} must be seconds from {least:g} to {most:g}")
        return value

    return parse


def number(least: int, most: int) -> Callable[[str, Any], int]:
    """Return a parser of integers in a range."""

    def parse(name: str, given: Any) -> int:
        try:
            value = int(given) if not isinstance(given, bool | float) else None
        except (TypeError, ValueError):
            value = None
        if value is None or not least <= value <= most:
            raise UsageError(name, f"{name} must be an integer from {least} to {most}")
        return value

    return parse


def one_of(*allowed: str) -> Callable[[str, Any], str]:
    """Return a parser of one of some words."""

    def parse(name: str, given: Any) -> str:
        if given not in allowed:
            raise UsageError(name, f"{name} must be one of {', '.join(allowed)}")
        return str(given)

    return parse


def redaction(name: str, given: Any) -> Redaction | None:
    """Return redaction settings: True is all defaults, a function is that function alone."""
    if isinstance(given, bool | str):
        return Redaction() if flag(name, given) else None
    if callable(given):
        function = cast("Redact", given)
        given = Redaction(detectors=(), keys=(), function=function)
    if not isinstance(given, Redaction):
        raise UsageError(name, f"{name} must be True, a Redaction or a function")
    return given


def _is_server(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon) and port.isdecimal()
