"""Dead letters: records that are not valid events, kept unchanged, with the reason (R20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from schemas import headers
from schemas.errors import DeadLetterReason  # noqa: TC001 -- pydantic reads annotations
from schemas.v1.base import WireModel

if TYPE_CHECKING:
    from collections.abc import Iterable


class DeadLetter(WireModel):
    """Reason and origin of a dead letter, written as headers.

    The key, the value and the other headers of the record are those of the original.
    """

    reason: DeadLetterReason
    error: str = Field(description="What was wrong, where, with the value found")
    source_topic: str
    source_partition: int = Field(ge=0)
    source_offset: int = Field(ge=0)

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return the headers to add to those of the original."""
        return [(header, str(getattr(self, field)).encode()) for field, header in _HEADERS.items()]

    @classmethod
    def from_headers(cls, given: Iterable[tuple[str, bytes | None]]) -> Self:
        """Read it from the headers of a record of the dead-letter topic.

        Headers of the original may have no value.

        Raises:
            pydantic.ValidationError: a header is absent or invalid.
        """
        found = {name: value.decode(errors="replace") for name, value in given if value is not None}
        fields = {field: found.get(header) for field, header in _HEADERS.items()}
        return cls.model_validate(fields, strict=False)  # numbers are text in headers


_HEADERS = {
    "reason": headers.REASON,
    "error": headers.ERROR,
    "source_topic": headers.SOURCE_TOPIC,
    "source_partition": headers.SOURCE_PARTITION,
    "source_offset": headers.SOURCE_OFFSET,
}
