"""Metrics of a worker, and the pages that show them."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import aiohttp
import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest

from streams.agents.events.owner import PartitionOwner
from streams.agents.events.owner_metrics import OwnerMetrics
from streams.engine.definitions.registry import Definitions
from streams.engine.partition import Partition
from streams.errors import SettingsError
from streams.metrics.histogram import Histogram
from streams.metrics.registry import METRICS, MetricName, Metrics
from streams.worker.health_page import HealthPage
from tests.support.kafka_records import event, record, run_on
from tests.support.log_in_memory import Batch, Log, Neighbours
from tests.support.workers import shop, worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.support.shared_kafka import SharedKafka

RUN = run_on(0)


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@asynccontextmanager
async def served(page: HealthPage, port: int) -> AsyncGenerator[HealthPage]:
    await page.start("127.0.0.1", port)
    try:
        yield page
    finally:
        await page.stop()


async def shows(port: int, line: str) -> bool:
    """A verdict can be read before the worker has heard that it is written, and has counted it."""
    for _ in range(1_000):
        if line in (await get(port, "/metrics"))[1]:
            return True
        await asyncio.sleep(0.01)
    return False


async def get(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, await answer.text()


class Standing:
    """What the page tells of, as a test sets it."""

    stuck: str | None = None
    not_ready: str | None = None
    measured = 0

    def measure(self) -> None:
        self.measured += 1

    def why_stuck(self) -> str | None:
        return self.stuck

    def why_not_ready(self) -> str | None:
        return self.not_ready


def test_every_name_is_declared() -> None:
    assert set(METRICS) == set(get_args(MetricName))


def test_no_metric_is_divided_without_bound() -> None:
    labels = {label for metric in METRICS.values() for label in metric.labels}
    assert labels <= {"outcome", "status", "trigger", "kind", "reason", "partition", "engine"}


@pytest.mark.parametrize("labels", [(), ("engine",)])
def test_a_histogram_reads_as_the_usual_one(labels: tuple[str, ...]) -> None:
    """The same text, whether equal observations come at once or one by one."""
    disable_created_metrics()  # as streams/metrics/registry.py does
    buckets = (0.005, 0.5, 1.0, 60.0)
    ours, usual = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("seconds", "How long", labels, buckets)
    ours.register(histogram)
    reference = prometheus_client.Histogram(
        "seconds", "How long", labels, buckets=buckets, registry=usual
    )
    assert generate_latest(ours) == generate_latest(usual)
    values = ("python",)[: len(labels)]
    for value, times in ((0.0, 1), (0.005, 2), (0.5, 3), (0.75, 1), (61.0, 4)):
        histogram.observe(values, value, times)
        for _ in range(times):
            (reference.labels(*values) if labels else reference).observe(value)
    assert generate_latest(ours) == generate_latest(usual)


async def test_pages_answer_and_nothing_else_does(port: int) -> None:
    standing = Standing()
    page = HealthPage(Metrics())
    async with served(page, port):
        assert await get(port, "/livez") == (200, "ok\n")
        assert await get(port, "/readyz") == (503, "the worker starts\n")
        page.show(standing)
        assert await get(port, "/readyz") == (200, "ok\n")
        standing.stuck, standing.not_ready = "partition 3 is stuck", "a rebalance goes on"
        assert await get(port, "/livez") == (503, "partition 3 is stuck\n")
        assert await get(port, "/readyz") == (503, "a rebalance goes on\n")
        assert (await get(port, "/metrics"))[0] == 200
        assert standing.measured == 1
        assert [(await get(port, path))[0] for path in ("/", "/table/", "/router/")] == [404] * 3


async def test_a_port_in_use_is_a_setting_that_is_wrong(port: int) -> None:
    async with served(HealthPage(Metrics()), port):
        with pytest.raises(SettingsError, match=f"DULY_WEB_PORT: 127.0.0.1:{port} cannot be bound"):
            await HealthPage(Metrics()).start("127.0.0.1", port)


async def test_an_owner_counts_what_it_judges() -> None:
    definitions = Definitions({})
    definitions.publish({"flow": "shop", "nodes": [{"id": "pay"}], "options": {"closed": True}})
    log, metrics = Log(), OwnerMetrics()
    context = replace(Neighbours(log, definitions).context(), metrics=metrics)
    owner = PartitionOwner(Partition("events", 0, definitions), context, remembered=lambda _: None)
    owner.start()
    pay = record(event("pay", run_id=RUN), key=RUN.encode(), offset=0)
    garbage = record(b"?", key=b"k", offset=1)
    unknown = record(event("nope", run_id=RUN), key=RUN.encode(), offset=2)
    batch = Batch(pay, garbage, unknown)
    owner.accept(batch)
    await batch.done()
    owner.measure()
    owner.close()
    shown = metrics.registry.exposition().decode()
    for line in (
        'duly_events_total{outcome="accepted"} 1.0',
        'duly_events_total{outcome="unknown_node"} 1.0',
        'duly_dead_letters_total{reason="not_json"} 1.0',
        'duly_verdicts_total{status="passed",trigger="event"} 1.0',
        'duly_verdicts_total{status="failed",trigger="event"} 1.0',
        'duly_causes_total{kind="unknown_node"} 1.0',
        "duly_event_to_verdict_seconds_count 2.0",
        'duly_commit_lag{partition="0"} 0.0',
    ):
        assert line in shown
    metrics.given_up(0)
    assert 'partition="0"' not in metrics.registry.exposition().decode()


async def test_a_worker_shows_that_it_is_ready_and_what_it_did(
    kafka: SharedKafka, topic_prefix: str, port: int
) -> None:
    async with worker(kafka.bootstrap, topic_prefix, web_port=port) as judge:
        await judge.ready()
        assert await get(port, "/readyz") == (200, "ok\n")
        async with shop(kafka.bootstrap, topic_prefix) as flow:
            await flow.pay("run-1")
            await flow.ship("run-1")
            await flow.verdict("run-1")
        assert await shows(port, 'duly_verdicts_total{status="passed",trigger=')
