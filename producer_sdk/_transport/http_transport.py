"""Delivery over HTTP with the API of Business-Use: one batch in flight, in the order of calls.

Requests block, but only the SDK's own thread. A batch is retried, with backoff, until the server
accepts it or refuses one of its items; only that item is then lost.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import time
from typing import TYPE_CHECKING, Any

from producer_sdk._errors import UsageError
from producer_sdk._guard import guard
from producer_sdk._transport.backoff import Backoff
from producer_sdk._transport.business_use import (
    MAX_BATCH_EVENTS,
    ROUTE,
    body,
    item,
    refused_positions,
)
from producer_sdk._transport.http_connection import Answer, Connection
from producer_sdk._transport.outage_log import OutageLog

if TYPE_CHECKING:
    from producer_sdk._config import Config
    from producer_sdk._counters import QueueCount
    from producer_sdk._queue import EventQueue, Numbered

log = logging.getLogger("producer_sdk")

_BATCH_BYTES = 4 * 1024 * 1024
_POLL_S = 0.05
_LONGEST_ASKED_S = 60.0
_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE = 400, 413, 422
_BAD_KEY = (401, 403)


class HttpTransport:
    """Sends records from the queue to a server with the API of Business-Use."""

    def __init__(self, config: Config, queue: EventQueue) -> None:
        self._config = config
        self._queue = queue
        self._connection = Connection(config)
        self._outage_log = OutageLog(config, queue)
        self._backoff = Backoff()
        self._most = _batch_size(config)
        self._size = self._most
        self._pending: dict[Numbered, dict[str, Any]] = {}
        self._headers = {"Content-Type": "application/json", "X-Api-Key": config.api_key}

    async def drain(self) -> None:
        """Deliver what the queue holds, however long that takes."""
        while self._pending or not self._queue.is_drained():
            if not self._pending:
                await self._gather()
                self._fill()
            if self._pending:
                await asyncio.sleep(self._send())

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    async def _gather(self) -> None:
        """Wait for a full batch, for the end of the interval, or for a `flush`."""
        until = time.monotonic() + self._config.batch_interval
        # Polled: waking this thread by an event would cost time in each call of the host.
        while (  # noqa: ASYNC110 -- see above
            len(self._queue) < self._most
            and not self._queue.is_awaited()
            and time.monotonic() < until
        ):
            await asyncio.sleep(_POLL_S)

    def _fill(self) -> None:
        taken = self._queue.take(self._most, _BATCH_BYTES)
        items = {numbered: item(numbered[1][1]) for numbered in taken}
        self._pending = {numbered: made for numbered, made in items.items() if made is not None}
        self._settle(
            [numbered for numbered, made in items.items() if made is None], "dropped_excluded"
        )

    def _send(self) -> float:
        """Send the first items that wait; return the seconds until the next attempt."""
        batch = list(self._pending)[: self._size]
        try:
            answer = self._connection.post(
                ROUTE, body(self._pending[numbered] for numbered in batch), self._headers
            )
        except (OSError, http.client.HTTPException, UsageError) as error:
            return self._failed(str(error) or type(error).__name__)
        if answer.status in {_BAD_REQUEST, _TOO_LARGE, _UNPROCESSABLE}:
            self._refused(batch, answer)
        elif 200 <= answer.status < 300:  # noqa: PLR2004 -- HTTP's status codes of success
            self._settle(batch, "delivered")
            self._size = self._most
        else:
            return self._failed(_reason(answer), answer.retry_after_s)
        self._backoff.reset()
        self._outage_log.delivered()
        return 0

    def _failed(self, reason: str, asked_s: float = 0) -> float:
        self._outage_log.failed(reason)
        return max(self._backoff.next_s(), min(asked_s, _LONGEST_ASKED_S))

    def _refused(self, batch: list[Numbered], answer: Answer) -> None:
        """Drop the items that the response names; if it names none, find them by bisection."""
        too_large = answer.status == _TOO_LARGE
        named: set[int] = set() if too_large else refused_positions(answer.body, len(batch))
        if not named and len(batch) > 1:
            self._size = len(batch) // 2
            return
        lost = [batch[position] for position in sorted(named or {0})]
        outcome: QueueCount = "dropped_too_big" if too_large else "dropped_refused"
        self._settle(lost, outcome)
        log.error(
            "the server at %s refused %d of %d events as %s, and they are lost; does it support this "
            "version of the Business-Use API?",
            self._config.url,
            len(lost),
            len(batch),
            "too large" if too_large else "invalid",
        )
        guard.on_error(outcome, "the server refused events", len(lost))

    def _settle(self, records: list[Numbered], outcome: QueueCount) -> None:
        if records:
            for numbered in records:
                self._pending.pop(numbered, None)
            self._queue.settle(records, outcome, next(iter(self._pending), (None,))[0])


def _batch_size(config: Config) -> int:
    if config.batch_size > MAX_BATCH_EVENTS:
        log.warning(
            "batch_size=%d is reduced to %d: the Business-Use server does not judge larger batches",
            config.batch_size,
            MAX_BATCH_EVENTS,
        )
    return min(config.batch_size, MAX_BATCH_EVENTS)


def _reason(answer: Answer) -> str:
    if answer.status in _BAD_KEY:
        return f"the server answers {answer.status}: it does not accept api_key"
    return f"the server answers {answer.status}"
