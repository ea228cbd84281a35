# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Calls that a type checker lets pass, and what they return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from producer_sdk import (
    Context,
    FlowOptions,
    NodeCondition,
    Stats,
    act,
    assert_,
    ensure,
    flush,
    initialize,
    shutdown,
    stats,
)
from producer_sdk.testing import recorded


@dataclass
class Order:
    """Data of an event may be a dataclass."""

    amount: int


def positive(data: dict[str, Any], ctx: Context) -> bool:
    """A validator with types."""
    return data["amount"] > 0 and all(item["flow"] == "checkout" for item in ctx["deps"])


def with_default(data: dict[str, Any], ctx: Context, limit: int = 5) -> bool:
    """A validator that reads a constant by a default."""
    return data["amount"] < limit


initialize("localhost:9092")
initialize(["a:9092", "b:9092"], strict=True, topic_prefix="eu-", compression="gzip")
initialize(bootstrap_servers=None, linger_ms=None)

act("cart", "checkout", "order-1")
act("cart", "checkout", run_id=lambda: "order-1", data={"items": 3})
act(id="cart", flow="checkout", run_id="order-1", data=Order(5))
assert_("pay", "checkout", "order-1", {"amount": 5}, validator=positive, filter=with_default)
ensure(
    id="pay",
    flow="checkout",
    run_id="order-1",
    data={"amount": 5},
    filter=True,
    dep_ids=["cart"],
    dep_mode="any",
    validator=lambda data, ctx: data["amount"] > 0 and ctx["deps"][0]["data"]["items"] > 0,
    description="the card is charged",
    conditions=[NodeCondition(timeout_ms=5_000)],
    additional_meta={"team": "billing"},
    required=True,
    branch="payment",
    exclusive=True,
    ends_run=False,
    options={"window_ms": 60_000, "closed": False},
)
ensure(
    "pay",
    "checkout",
    "order-1",
    dep_ids=lambda: ("cart",),
    conditions=lambda: [NodeCondition(1)],
    options=FlowOptions(grace_ms=500),
    validator=None,
)

assert_type(act("cart", "checkout", "order-1"), None)
assert_type(flush(1.5), bool)
assert_type(shutdown(timeout=1), bool)
assert_type(stats(), Stats)
with recorded() as events:
    assert_type(events, list[dict[str, Any]])
