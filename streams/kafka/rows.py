"""Records to append, as rows, and where acknowledged ones stand."""

from __future__ import annotations

from typing import NamedTuple

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
    """Where acknowledged records stand: the offset of the last one, and the batch's timestamp."""

    last_offset: int
    timestamp_ms: int
