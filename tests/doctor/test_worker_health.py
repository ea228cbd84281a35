from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from streams.dev_broker.ports import free_ports
from streams.doctor.worker_health import check_worker_health
from streams.metrics.registry import Metrics
from streams.settings.worker import WorkerSettings
from streams.worker.health_page import HealthPage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Owners:
    """What a worker's page tells of."""

    def __init__(self, stuck: str | None, not_ready: str | None) -> None:
        self._stuck, self._not_ready = stuck, not_ready

    def measure(self) -> None: ...

    def why_stuck(self) -> str | None:
        return self._stuck

    def why_not_ready(self) -> str | None:
        return self._not_ready


@asynccontextmanager
async def served(owners: Owners, host: str = "127.0.0.1") -> AsyncGenerator[WorkerSettings]:
    """Serve the page of a worker; yields its settings."""
    (port,) = free_ports(1)
    settings = WorkerSettings(web_host=host, web_port=port)
    page = HealthPage(Metrics())
    page.show(owners)
    await page.start(settings.web_host, settings.web_port)
    try:
        yield settings
    finally:
        await page.stop()


@pytest.mark.parametrize(
    ("stuck", "not_ready", "level", "message"),
    [
        (None, None, "ok", "lives and is ready"),
        (None, "partitions are recovered", "warning", "is not ready: partitions are recovered"),
        ("the loop stands", "it", "failure", "must be restarted: the loop stands"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_the_worker_on_this_machine_is_asked(
    stuck: str | None, not_ready: str | None, level: str, message: str, host: str
) -> None:
    async with served(Owners(stuck, not_ready), host) as settings:
        (found,) = await check_worker_health(settings)
    at = f"the worker at 127.0.0.1:{settings.web_port}"
    assert found == ("worker", level, f"{at} {message}")


async def test_where_none_answers_that_is_a_note() -> None:
    (port,) = free_ports(1)
    (found,) = await check_worker_health(WorkerSettings(web_port=port))
    assert found.level == "note"
    assert "no worker answers at 127.0.0.1:" in found.message


async def test_what_is_no_worker_is_not_taken_for_one() -> None:
    (port,) = free_ports(1)
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        (found,) = await check_worker_health(WorkerSettings(web_port=port))
    finally:
        await runner.cleanup()
    assert (found.level, found.message.endswith("something else answers")) == ("note", True)


async def test_a_worker_without_a_page_is_not_asked() -> None:
    assert await check_worker_health(WorkerSettings(web_port=0)) == []
