"""The service of a soak: a process that records at a steady rate through the SDK, and says at its end what it saw.

`DULY_BROKER` and `DULY_TOPIC_PREFIX` say where to. Its answer is one JSON object on stdout, a `Recorded`.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from typing import NamedTuple

import orjson

from producer_sdk import act, flush, initialize, stats

FLOW = "soak"
RUNS = 1_000
"""Event `number` belongs to run `number % RUNS`."""

_STEP_S = 0.01
_OUTAGE_S = 100
"""The queue takes what is recorded in so many seconds: an outage that lasts longer would lose events by design."""

_EVENT_BYTES = 1_024
_FLUSH_S = 120.0
_DATA = {"items": 3, "amount": 1999, "currency": "EUR", "customer": "c-1234567"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a service saw of its soak.

    Attributes:
        sent: events that it recorded, numbered from 0 on.
        most_waiting: the most events that the SDK's queue held.
        longest_step_ms: the longest that all calls of a hundredth of a second took together.
        flushed: whether all was acknowledged before the process ended.
        stats: the SDK's counts that are not zero.
    """

    sent: int
    most_waiting: int
    longest_step_ms: float
    flushed: bool
    stats: dict[str, int]


class _Load(NamedTuple):
    sent: int
    most_waiting: int
    longest_step_s: float


def main() -> None:
    """Record for so long, flush, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.service", description=__doc__)
    parser.add_argument("--seconds", type=float, required=True, help="how long events are recorded")
    parser.add_argument("--rate", type=int, required=True, help="events a second")
    arguments = parser.parse_args()
    room = arguments.rate * _OUTAGE_S
    initialize(max_queue_events=room, max_queue_bytes=room * _EVENT_BYTES)
    load = _record(arguments.seconds, max(1, round(arguments.rate * _STEP_S)))
    flushed = flush(_FLUSH_S)
    recorded = Recorded(
        load.sent,
        load.most_waiting,
        round(load.longest_step_s * 1_000, 1),
        flushed,
        {name: count for name, count in asdict(stats()).items() if count},
    )
    sys.stdout.buffer.write(orjson.dumps(recorded))


def _record(seconds: float, per_step: int) -> _Load:
    """Record in steps; one that comes late is made up for."""
    number, most_waiting, longest_s = 0, 0, 0.0
    began_s = due_s = time.monotonic()
    while due_s < began_s + seconds:
        before_s = time.monotonic()
        for _ in range(per_step):
            act("step", FLOW, f"run-{number % RUNS}", {"number": number, **_DATA})
            number += 1
        longest_s = max(longest_s, time.monotonic() - before_s)
        most_waiting = max(most_waiting, stats().waiting)
        due_s += _STEP_S
        time.sleep(max(0.0, due_s - time.monotonic()))
    return _Load(number, most_waiting, longest_s)


if __name__ == "__main__":
    main()
