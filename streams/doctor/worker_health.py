"""Check of the health page of a worker on this machine, if one runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from streams.doctor.findings import Finding

if TYPE_CHECKING:
    from streams.doctor.findings import Level
    from streams.settings.worker import WorkerSettings

TIMEOUT_S = 3.0
OK = 200
ANSWERS = {OK, 503}
"""Answers of `/livez` and `/readyz`; with any other it is not the page of a worker."""
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- an address to look at, not to bind
"""Address that a page is served on → one at which it is reached from here."""


async def check_worker_health(settings: WorkerSettings) -> list[Finding]:
    """Ask the worker on this machine whether it is alive and ready; others are not seen."""
    if not settings.web_port:
        return []
    address = f"{EVERYWHERE.get(settings.web_host, settings.web_host)}:{settings.web_port}"
    try:
        lives, why_not_alive = await _ask(f"http://{address}/livez")
        ready, why_not_ready = await _ask(f"http://{address}/readyz")
    except (aiohttp.ClientError, TimeoutError):
        return [_finding("note", f"no worker answers at {address}, on this machine")]
    if {lives, ready} - ANSWERS:
        return [
            _finding("note", f"no worker is at {address}, on this machine: something else answers")
        ]
    if lives != OK:
        return [_finding("failure", f"the worker at {address} must be restarted: {why_not_alive}")]
    if ready != OK:
        return [_finding("warning", f"the worker at {address} is not ready: {why_not_ready}")]
    return [_finding("ok", f"the worker at {address} lives and is ready")]


async def _ask(url: str) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
        return answer.status, (await answer.text(errors="replace")).strip()[:200]


def _finding(level: Level, message: str) -> Finding:
    return Finding("worker", level, message)
