"""Errors of the SDK; raised to callers only with `initialize(strict=True)`.

SdkError
├── UsageError      a call or a setting that cannot be used
│   └── EventTooBig an event larger than a worker accepts
└── CaptureError    a function that cannot be sent as source
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SdkError(Exception):
    """The root of all errors of the SDK."""


class UsageError(SdkError):
    """A call or a setting that cannot be used.

    Attributes:
        about: the argument or setting.
        message: the problem and its remedy; never a payload.
    """

    def __init__(self, about: str, message: str) -> None:
        super().__init__(message)
        self.about = about
        self.message = message


class EventTooBig(UsageError):
    """An event larger than a worker accepts."""


class CaptureError(SdkError):
    """A function that cannot be sent as source with the same meaning; the message says why."""


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that `name` probably misspells, None if there is none."""
    import difflib  # noqa: PLC0415 -- needed only where something is wrong

    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


def meant(name: str | None) -> str:
    """Return the end of an error message that suggests `name`."""
    return "" if name is None else f"; was {name} meant?"
