"""`python -m tools.metrics_picture FILE.svg`: what a worker's /metrics show while the standard job rises and falls."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from streams.dev_broker import APACHE_KINDS, start_broker
from streams.dev_broker.ports import free_ports
from tests.support.installed_deployment import InstalledDeployment
from tests.support.standard_job import definition, events
from tools.line_chart import Panel, draw

if TYPE_CHECKING:
    from collections.abc import Mapping

LOAD = ((15, 1_000), (15, 4_000), (15, 1_000), (10, 0))
"""Seconds, and events a second meanwhile; the last stretch lets what is left open time out."""
SLICE_S = 0.01
SAMPLE_S = 1.0
START_S = 4.0

Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """The page at one instant: every value by the name of its series and its labels."""

    at: float
    values: Mapping[tuple[str, Labels], float]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the series of a name that have these labels."""
        return sum(
            value
            for (series, theirs), value in self.values.items()
            if series == name and labels.items() <= dict(theirs).items()
        )


def main() -> None:
    """Run the job, and draw what was scraped."""
    (target,) = sys.argv[1:]
    with start_broker(APACHE_KINDS) as broker:
        samples = asyncio.run(watch(broker.bootstrap))
    Path(target).write_text(picture(samples), encoding="utf-8")


async def watch(bootstrap: str) -> list[Sample]:
    """Return what /metrics said each second, from the beginning of the load to its end."""
    deployment = InstalledDeployment(bootstrap, definition(1))
    deployment.prepare()
    (port,) = free_ports(1)
    samples: list[Sample] = []
    with deployment.worker(DULY_WEB_PORT=str(port)):
        await asyncio.sleep(START_S)
        producing = asyncio.create_task(_produce(deployment))
        began = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0, began + number * SAMPLE_S - time.monotonic()))
            page = await asyncio.to_thread(_scrape, f"http://127.0.0.1:{port}/metrics")
            samples.append(Sample(time.monotonic() - began, page))
            if producing.done():
                await producing
                return samples
    raise AssertionError("the loop ends with the load")


async def _produce(deployment: InstalledDeployment) -> None:
    count = sum(seconds * rate for seconds, rate in LOAD)
    job = events(count, time.time_ns())
    producer: Any = AIOKafkaProducer(bootstrap_servers=deployment.bootstrap, acks="all")
    async with producer:
        for seconds, rate in LOAD:
            began = time.monotonic()
            for number in range(round(seconds / SLICE_S)):
                await asyncio.sleep(max(0, began + number * SLICE_S - time.monotonic()))
                for event in itertools.islice(job, round(rate * SLICE_S)):
                    await producer.send(
                        deployment.events,
                        value=event.value,
                        key=event.key,
                        partition=event.partition,
                    )


def _scrape(url: str) -> dict[tuple[str, Labels], float]:
    with urllib.request.urlopen(url) as page:  # noqa: S310 -- our own worker
        text = page.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def picture(samples: list[Sample]) -> str:
    """Return the panels: rates between two samples, and gauges at the later one."""
    pairs = list(itertools.pairwise(samples))

    def rate(name: str, **labels: str) -> list[float]:
        return [
            (b.total(name, **labels) - a.total(name, **labels)) / (b.at - a.at) for a, b in pairs
        ]

    def p99_ms(name: str) -> list[float]:
        return [_quantile(name, a, b, 0.99) * 1_000 for a, b in pairs]

    panels = [
        Panel("events judged a second", {"duly_events_total": rate("duly_events_total")}),
        Panel(
            "verdicts a second, duly_verdicts_total",
            {status: rate("duly_verdicts_total", status=status) for status in ("passed", "failed")},
        ),
        Panel("open runs", {"duly_open_runs": [b.total("duly_open_runs") for _, b in pairs]}),
        Panel(
            "p99 in ms",
            {
                "event → verdict": p99_ms("duly_event_to_verdict_seconds"),
                "due → verdict": p99_ms("duly_deadline_lateness_seconds"),
            },
        ),
    ]
    return draw(panels, [b.at for _, b in pairs])


def _quantile(name: str, before: Sample, after: Sample, share: float) -> float:
    """Return a quantile of what a histogram took in between two samples, as Prometheus reckons it."""
    counts = sorted(
        (float(dict(labels)["le"]), value - before.values.get((series, labels), 0.0))
        for (series, labels), value in after.values.items()
        if series == f"{name}_bucket"
    )
    wanted = counts[-1][1] * share if counts else 0.0
    low, below = 0.0, 0.0
    for bound, count in counts:
        if wanted and count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return 0.0


if __name__ == "__main__":
    main()
