"""Health page of a worker: liveness, readiness and metrics over HTTP; never a run, never a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from streams.errors import SettingsError

if TYPE_CHECKING:
    from streams.metrics.registry import Metrics

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Shown(Protocol):
    """The partitions of the worker, as far as the page tells of them."""

    def measure(self) -> None:
        """Bring the gauges up to date."""

    def why_stuck(self) -> str | None:
        """Return why the process should be restarted, or None."""

    def why_not_ready(self) -> str | None:
        """Return why nothing is judged yet, or what is not judged now; None if all is."""


class HealthPage:
    """`GET /livez`, `/readyz`, `/metrics`.

    Args:
        metrics: what `/metrics` shows.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._shown: Shown | None = None
        self._runner: web.AppRunner | None = None

    def show(self, shown: Shown) -> None:
        """Tell of this from now on."""
        self._shown = shown

    async def start(self, host: str, port: int) -> None:
        """Serve.

        Raises:
            SettingsError: the port cannot be bound.
        """
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._exposition)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self.stop()
            raise SettingsError(
                f"DULY_WEB_PORT: {host}:{port} cannot be bound ({error.strerror}); "
                "give each worker of a machine its own port, or 0 for no page"
            ) from error

    async def stop(self) -> None:
        """Serve no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _livez(self, _request: web.Request) -> web.Response:
        return _answer(None if self._shown is None else self._shown.why_stuck())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _answer("the worker starts" if self._shown is None else self._shown.why_not_ready())

    async def _exposition(self, _request: web.Request) -> web.Response:
        if self._shown is not None:
            self._shown.measure()
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": EXPOSITION})


def _answer(reason: str | None) -> web.Response:
    if reason is None:
        return web.Response(text="ok\n")
    return web.Response(text=f"{reason}\n", status=503)
