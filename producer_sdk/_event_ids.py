"""Event ids: UUIDv7 (RFC 9562), which sort by the millisecond of the call."""

from __future__ import annotations

import os
import random

# A generator of its own: a host that seeds the shared one would get the same ids twice.
_random = random.Random()  # noqa: S311 -- ids must be unique, not secret
_draw = _random.getrandbits

os.register_at_fork(after_in_child=_random.seed)

_NS_PER_MS = 1_000_000

_last: tuple[int, str] = (0, "")
"""The last millisecond and the start of its ids; replaced as a whole because threads share it."""


def event_id(ts_ns: int) -> str:
    """Return a new UUIDv7 for an event at `ts_ns`, nanoseconds since 1970.

    48 bits of milliseconds, the version, the variant, and 72 random bits.
    """
    global _last  # noqa: PLW0603 -- a cache of one entry; half of an id's time goes into its text
    ms = ts_ns // _NS_PER_MS
    last_ms, start = _last
    if ms != last_ms:
        digits = f"{ms:012x}"
        start = f"{digits[:8]}-{digits[8:]}-7"
        _last = (ms, start)
    drawn = f"{_draw(72):018x}"
    return f"{start}{drawn[:3]}-8{drawn[3:6]}-{drawn[6:]}"
