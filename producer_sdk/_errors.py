"""Errors of the SDK. None of them reaches a caller, unless `initialize(strict=True)` asks for it.

SdkError
├── UsageError      a call or a setting that cannot be used as it is
│   └── EventTooBig an event of more bytes than a worker takes
└── CaptureError    a function that cannot be sent as source
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SdkError(Exception):
    """The root of all errors of the SDK."""


class UsageError(SdkError):
    """A call or a setting that cannot be used as it is.

    Attributes:
        about: the argument or setting.
        message: what was wrong and what to do; never a payload.
    """

    def __init__(self, about: str, message: str) -> None:
        super().__init__(message)
        self.about = about
        self.message = message


class EventTooBig(UsageError):
    """An event of more bytes than a worker takes."""


class CaptureError(SdkError):
    """A function that cannot be sent as source so that it means the same; says why."""


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `name` is probably a misspelling of."""
    import difflib  # noqa: PLC0415 -- needed only where something is wrong

    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


def meant(name: str | None) -> str:
    """Return the end of a message that suggests `name`."""
    return "" if name is None else f"; was {name} meant?"
