"""Release of Apache Kafka that a broker runs, and the reason why an address cannot be reached."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_TIMEOUT_S = 3.0


class ReleaseSign(NamedTuple):
    """A request whose version came with a release of Apache Kafka."""

    release: tuple[int, int]
    request: int
    version: int


_PRODUCE, _FETCH, _ADD_PARTITIONS_TO_TXN = 0, 1, 24
SIGNS = (
    ReleaseSign((4, 1), _FETCH, 18),
    ReleaseSign((4, 0), _PRODUCE, 12),
    ReleaseSign((3, 9), _FETCH, 17),
    ReleaseSign((3, 8), _PRODUCE, 11),
    ReleaseSign((3, 7), _FETCH, 16),
    ReleaseSign((3, 6), _ADD_PARTITIONS_TO_TXN, 4),
    ReleaseSign((3, 5), _FETCH, 15),
)
"""The newest first. A broker does not report its release, only the requests that it supports."""


def release_of(versions: Mapping[int, int]) -> tuple[int, int] | None:
    """Return the newest release of Apache Kafka that a broker may be.

    Args:
        versions: request → the newest version of it that the broker takes.

    Returns:
        Major and minor number; None if it is older than all of `SIGNS`.
    """
    for sign in SIGNS:
        if versions.get(sign.request, -1) >= sign.version:
            return sign.release
    return None


async def why_unreachable(server: str) -> str | None:
    """Return why no connection can be made to `host:port`; None if one can."""
    host, _, port = server.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    writer.close()
    await writer.wait_closed()
    return None
