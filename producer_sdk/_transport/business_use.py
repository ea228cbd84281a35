"""Encodes events for Business-Use's `POST /v1/events-batch`.

Its fields are ours, except that it calls the node `id` and evaluates only scripts of one expression.
It ignores fields that it does not know (`event_id`, `conditions`, …); another server behind the same
route may use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import orjson

from producer_sdk._transport.business_use_scripts import as_expression

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUTE = "/v1/events-batch"
MAX_BATCH_EVENTS = 50
"""The Business-Use server 0.7.0 stores larger batches but never judges them."""


def item(value: bytes) -> dict[str, Any] | None:
    """Return an event as an item of a batch; None if its `filter` is a literal False.

    In Business-Use a filter belongs to the node, not to the event: False would exclude the node's
    events of all runs.
    """
    event: dict[str, Any] = orjson.loads(value)
    event["id"] = event.pop("node")
    if event.get("filter") is False:
        return None
    if event.get("filter") is True:
        del event["filter"]
    for kind in ("filter", "validator"):
        if kind in event:
            event[kind]["script"] = as_expression(event[kind]["script"])
    return event


def body(items: Iterable[dict[str, Any]]) -> bytes:
    """Return the body of a request."""
    return orjson.dumps(list(items))


def refused_positions(answer: bytes, count: int) -> set[int]:
    """Return the positions of the items that a 422 response names; empty if it names none.

    Args:
        answer: the response body, `{"detail": [{"loc": ["body", 3, "ts"], …}, …]}`.
        count: the number of items in the batch.
    """
    try:
        detail: Any = orjson.loads(answer)["detail"]
        places = [cast("list[Any]", problem["loc"]) for problem in detail]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return set()
    named = {place[1] for place in places if len(place) > 1 and type(place[1]) is int}
    return {position for position in named if 0 <= position < count}
