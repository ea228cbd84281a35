"""Records to append, as rows; what appends them; where acknowledged ones stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from schemas import headers

if TYPE_CHECKING:
    from collections.abc import Iterable

CLOCK_HEADER: Final = (headers.TYPE, headers.TYPE_CLOCK)
"""The header by which a record is a clock record (R13)."""

LOG_APPEND_TIME: Final = 1
"""The timestamp type that aiokafka notes where the broker stamps records."""

Headers = list[tuple[str, bytes]]

NO_HEADERS: Headers = []

Row = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record to append: what is written by the thousand is no more than that."""


class OutRecord(NamedTuple):
    """One record to append, as a row whose columns have names."""

    key: bytes | None
    value: bytes | None
    headers: Headers = NO_HEADERS


class Appended(NamedTuple):
    """Place of acknowledged records: the offset of the last one, and the batch's timestamp."""

    last_offset: int
    timestamp_ms: int


class Appender(Protocol):
    """Appends records to a partition of a topic."""

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Appended | None:
        """Append records in order and return when all are acknowledged; None if there were none."""
        ...
