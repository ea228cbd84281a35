"""`python -m tests.soak`: a service records for minutes while its broker is killed and restarted again and again.

Afterwards every event that was sent must be on the topic, in the order of its run, and the memory of the
service must be flat: exit code 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson
import psutil

from schemas.topics import EVENTS
from streams.dev_broker import Broker, start_broker
from tests.soak.service import Recorded
from tests.soak.topic import Arrived, compare
from tests.support.installed_deployment import InstalledDeployment, require_running
from tests.support.report import print_table, say
from tests.support.standard_job import definition

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.report import Row

TITLE = "SDK, soak"
ROOT = Path(__file__).resolve().parents[2]
FLAT_MIB = 16.0
"""How much memory may grow all the same: what an allocator keeps."""

WAITING_KIB = 1.0
"""How much an event that waited in an outage may have taken; the allocator gives little of it back."""

_DOWN_S = 2.0
_SAMPLE_S = 0.2
_END_S = 180.0
_MIB = 1 << 20


class Plan(NamedTuple):
    """How much is asked of the SDK."""

    seconds: float
    per_second: int
    restarts: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a soak has found.

    Attributes:
        recorded: what the service saw.
        arrived: what is on the topic.
        memory_mib: resident memory of the service in each calm time: before the first restart, after each one.
        outages_s: how long the broker was away each time, its start included.
    """

    recorded: Recorded
    arrived: Arrived
    memory_mib: list[float]
    outages_s: list[float]

    @property
    def growth_mib(self) -> float:
        """How much more memory is taken at the end than after the first restart, which is the warm-up."""
        return self.memory_mib[-1] - self.memory_mib[:2][-1]

    @property
    def outage_mib(self) -> float:
        """How much more memory is taken at the end than before the first restart, but for what waited."""
        waited_mib = self.recorded.most_waiting * WAITING_KIB / 1_024
        return self.memory_mib[-1] - self.memory_mib[0] - waited_mib

    def faults(self) -> list[str]:
        """Return what is wrong, in words; nothing if all that was sent arrived, with memory flat."""
        arrived = self.arrived
        lost = self.recorded.sent - arrived.received
        checks = {
            f"{lost} events are lost": lost,
            f"{arrived.renamed} events came twice, with different ids": arrived.renamed,
            f"{arrived.out_of_order} events are out of the order of their run": arrived.out_of_order,
            "the SDK could not deliver all in time": not self.recorded.flushed,
            f"memory grew by {self.growth_mib:.1f} MiB": self.growth_mib > FLAT_MIB,
            f"outages left {self.outage_mib:.1f} MiB behind": self.outage_mib > FLAT_MIB,
        }
        return [fault for fault, found in checks.items() if found]


def main() -> int:
    """Run, print the tables, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long events are recorded")
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--restarts", type=int, default=3, help="how often the broker is restarted")
    arguments = parser.parse_args()
    # An external broker is not ours to kill.
    with start_broker(("docker", "apache")) as broker:
        say(f"broker: {broker.kind} on {broker.bootstrap}")
        found = soak(broker, Plan(arguments.minutes * 60, arguments.rate, arguments.restarts))
    for title, rows in _tables(found).items():
        print_table(title, rows)
    for fault in found.faults():
        say(fault)
    return 1 if found.faults() else 0


def soak(broker: Broker, plan: Plan) -> Found:
    """Let a service record while the broker goes and comes back, evenly spread; then read its topic.

    Every second time, the first included, the broker is killed; else it is stopped in good order.

    Args:
        broker: one that belongs to the caller alone. It must be the main thread that calls: the
            broker ends with the thread that has started it.
        plan: how long, how much, how often.
    """
    deployment = InstalledDeployment(broker.bootstrap, definition(0))
    deployment.prepare()
    phase_s = plan.seconds / (plan.restarts + 1)
    outages_s: list[float] = []
    with _service(deployment, plan) as service:
        memory_mib = [_memory_mib(service, phase_s)]
        for number in range(plan.restarts):
            outages_s.append(_outage_s(broker, kill=number % 2 == 0))
            memory_mib.append(_memory_mib(service, phase_s - outages_s[-1]))
        answer, _ = service.communicate(timeout=_END_S)
    if service.returncode:
        raise RuntimeError(f"the service ended with exit code {service.returncode}")
    recorded = Recorded(**orjson.loads(answer))
    say(f"{recorded.sent} events were sent, reading what is there")
    arrived = asyncio.run(compare(deployment.bootstrap, deployment.events, recorded.sent))
    return Found(recorded, arrived, memory_mib, outages_s)


@contextlib.contextmanager
def _service(deployment: InstalledDeployment, plan: Plan) -> Generator[psutil.Popen]:
    """Run the service; kill it if it has not ended by the end of the block."""
    environment = os.environ | {
        "DULY_BROKER": deployment.bootstrap,
        "DULY_TOPIC_PREFIX": deployment.events.removesuffix(EVENTS.name),
    }
    command = [sys.executable, "-m", "tests.soak.service"]
    options = [f"--seconds={plan.seconds}", f"--rate={plan.per_second}"]
    with psutil.Popen(
        [*command, *options], env=environment, cwd=ROOT, stdout=subprocess.PIPE
    ) as service:
        try:
            yield service
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                service.kill()


def _outage_s(broker: Broker, *, kill: bool) -> float:
    """Take the broker away for a while, and return how long it was until it served again."""
    say("the broker is killed" if kill else "the broker is stopped")
    began_s = time.monotonic()
    (broker.kill if kill else broker.stop)()
    time.sleep(_DOWN_S)
    broker.restart()
    return time.monotonic() - began_s


def _memory_mib(service: psutil.Popen, seconds: float) -> float:
    """Wait for so long, and return the memory that the service usually had in the second half."""
    end_s = time.monotonic() + seconds
    samples: list[int] = []
    while (left_s := end_s - time.monotonic()) > 0 or not samples:
        require_running(service)
        if left_s < seconds / 2:
            samples.append(service.memory_info().rss)
        time.sleep(_SAMPLE_S)
    return round(statistics.median(samples) / _MIB, 1)


def _tables(found: Found) -> dict[str, list[Row]]:
    """Return the tables: what became of the events, the memory, and what the service saw."""
    recorded, arrived = found.recorded, found.arrived
    events: Row = {
        "measured": "events",
        "sent": recorded.sent,
        "received": arrived.received,
        "lost": recorded.sent - arrived.received,
        "duplicates": arrived.duplicates,
        "renamed": arrived.renamed,
        "out of order": arrived.out_of_order,
    }
    memory = {"measured": "resident memory, MiB", "before a restart": found.memory_mib[0]} | {
        f"after restart {number}": mib for number, mib in enumerate(found.memory_mib[1:], 1)
    }
    service: Row = {
        "measured": "service",
        "most waiting": recorded.most_waiting,
        "longest step, ms": recorded.longest_step_ms,
        "outages, s": ", ".join(f"{outage:.1f}" for outage in found.outages_s),
        "stats()": ", ".join(f"{name} {count}" for name, count in recorded.stats.items()),
    }
    return {TITLE: [events], "its memory, in calm": [memory], "what it saw": [service]}


if __name__ == "__main__":
    sys.exit(main())
