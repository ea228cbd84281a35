"""Errors for records and definitions that do not have the shape of the wire format.

SchemaError
├── InvalidEvent        a record of the events topic that must become a dead letter
└── InvalidDefinition   a flow definition that must not be published
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

DeadLetterReason = Literal[
    "not_json",
    "invalid_event",
    "unknown_version",
    "too_big",
    "wrong_key",
    "wrong_partition",
    "too_many_events",
    "too_large",
]

MAX_MESSAGE_CHARS: Final = 200
MAX_PATH_CHARS: Final = 200


class SchemaError(Exception):
    """Something does not have the shape of the wire format."""


class InvalidEvent(SchemaError):
    """A record that is not an event.

    Attributes:
        reason: the dead-letter reason, one of a fixed set.
        path: where in the event, `conditions[0].timeout_ms`, cut like the message; empty for the
            whole record.
        message: what was wrong, for people, with the value found; at most 200 characters.
    """

    def __init__(self, reason: DeadLetterReason, path: str, message: str) -> None:
        super().__init__(reason, path, message)
        self.reason: DeadLetterReason = reason
        self.path = shorten(path, MAX_PATH_CHARS)
        self.message = shorten(message, MAX_MESSAGE_CHARS)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class DefinitionProblem(NamedTuple):
    """One problem of a definition: its place (`nodes[2].dep_ids[0]`), its node, a message."""

    place: str
    node: str | None
    message: str

    def __str__(self) -> str:
        node = f" (node {self.node})" if self.node is not None else ""
        return f"{self.place}{node}: {self.message}" if self.place else self.message


class InvalidDefinition(SchemaError):
    """A definition that cannot be used, with every problem found in it."""

    def __init__(self, problems: Iterable[DefinitionProblem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


def shorten(text: str, most: int) -> str:
    """Cut `text` to at most `most` characters, with an ellipsis at the end."""
    return text if len(text) <= most else text[: most - 1] + "…"
