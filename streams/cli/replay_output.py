"""Output of `duly replay`: verdicts to stdout, all else to stderr."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import orjson

from streams.cli.terminal import complain, data, say, verdict_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.engine.records import Judged
    from streams.errors import BadLine


class ReplayOutput:
    """Prints verdicts as lines or as JSON, and counts them.

    Args:
        source: the file or the topic that is replayed.
        as_json: print verdicts as JSON.
    """

    def __init__(self, source: str, *, as_json: bool) -> None:
        self._source = source
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        self._bad_lines = 0
        self.failing: set[tuple[str, str, int]] = set()
        """The runs (flow, run id, opened at) whose last verdict is `failed`."""

    def judged(self, judged: Judged) -> None:
        """Print the verdicts and dead letters of one batch."""
        self.verdicts([out.value for out in judged.verdicts])
        for refused in judged.refused:
            say(f"{self._source}:{refused.offset + 1}: {refused.reason}: {refused.message}")

    def verdicts(self, values: Sequence[bytes]) -> None:
        """Print verdicts, given as JSON."""
        for value in values:
            self._verdict(value)
        if values:
            sys.stdout.flush()

    def bad_line(self, error: BadLine) -> None:
        """Report a line that is left out."""
        self._bad_lines += 1
        complain(f"{self._source}:{error.number}: {error.reason} (left out)")

    def summary(self) -> None:
        """Report how many verdicts there were."""
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self._counts.items()))
        left_out = f"; bad lines left out: {self._bad_lines}" if self._bad_lines else ""
        say(f"verdicts: {counts or 'none'}{left_out}")

    def _verdict(self, value: bytes) -> None:
        verdict = orjson.loads(value)
        if self._as_json:
            sys.stdout.buffer.write(value + b"\n")
        else:
            data().print(verdict_line(verdict))
        self._counts[verdict["status"]] += 1
        run = (verdict["flow"], verdict["run_id"], verdict["opened_at_ns"])
        if verdict["status"] == "failed":
            self.failing.add(run)
        else:
            self.failing.discard(run)
