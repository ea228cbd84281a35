"""Schedule of clock records for one partition (R13).

Deadlines fire by record timestamps alone. Where nothing else is written, time would stand: then
the owner appends an empty record when its next instant is due, and time passes when it is read
back. This module decides when; it reads no clock and writes nothing.
"""

from __future__ import annotations

from schemas.units import NS_PER_MS

CLOCK_INTERVAL_NS = 20_000_000
"""The least time between two clock records of one partition."""


class ClockRecords:
    """The log's time, as far as one partition's owner knows it.

    All arguments and results are nanoseconds; `now_ns` is this worker's wall clock.
    """

    def __init__(self) -> None:
        self._newest_ns = 0
        self._appended_ns: int | None = None
        self._offset_ns = 0  # the broker's clock minus ours, as far as records have shown

    def seen(self, timestamp_ns: int, now_ns: int) -> None:
        """Take in a record that was fetched: the broker's clock was there already."""
        self._newest_ns = max(self._newest_ns, timestamp_ns)
        self._offset_ns = max(self._offset_ns, timestamp_ns - now_ns)

    def appended(self, now_ns: int) -> None:
        """Take in that a clock record was sent just now."""
        self._appended_ns = now_ns

    def acknowledged(self, timestamp_ns: int, sent_ns: int, now_ns: int) -> None:
        """Take in the timestamp that the broker gave a clock record.

        It was given between `sent_ns` and `now_ns`, which bounds the difference of the clocks
        from both sides; a difference that the bounds do not show is taken as none.
        """
        self._newest_ns = max(self._newest_ns, timestamp_ns)
        least, most = timestamp_ns - now_ns, timestamp_ns + NS_PER_MS - sent_ns
        self._offset_ns = min(max(0, least), most)

    def wait_ns(self, due_ns: int | None, now_ns: int) -> int | None:
        """Return how long to wait before a clock record must be appended, 0 for at once.

        None if there is no need: nothing is due, or a record that passes the instant is in the
        log already and will be read.
        """
        if due_ns is None or due_ns <= self._newest_ns:
            return None
        at_ns = due_ns - self._offset_ns
        if self._appended_ns is not None:
            at_ns = max(at_ns, self._appended_ns + CLOCK_INTERVAL_NS)
        return max(0, at_ns - now_ns)
