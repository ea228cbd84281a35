# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Calls that a type checker lets pass, and what they return."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, assert_type

from producer_sdk import (
    SENSITIVE_KEYS,
    Context,
    FlowOptions,
    NodeCondition,
    Redaction,
    Stats,
    act,
    assert_,
    bind_correlation_id,
    correlation_id,
    ensure,
    flush,
    initialize,
    run,
    shutdown,
    stats,
)
from producer_sdk.testing import recorded


@dataclass
class Order:
    """Data of an event may be a dataclass."""

    amount: int
    id: str = "order-1"


def positive(data: dict[str, Any], ctx: Context) -> bool:
    """A validator with types."""
    return data["amount"] > 0 and all(item["flow"] == "checkout" for item in ctx["deps"])


def with_default(data: dict[str, Any], ctx: Context, limit: int = 5) -> bool:
    """A validator that reads a constant by a default."""
    return data["amount"] < limit


initialize("localhost:9092")
initialize(["a:9092", "b:9092"], strict=True, topic_prefix="eu-", compression="gzip")
initialize(bootstrap_servers=None, linger_ms=None)
initialize(
    api_key="k",
    url="http://h",
    batch_size=50,
    batch_interval=0.5,
    max_queue_size=500,
    on_error=print,
)
with initialize("localhost:9092"):
    pass

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


def scrub(data: dict[str, Any]) -> dict[str, Any]:
    """Redacts by itself."""
    return {name: data[name] for name in data if name != "note"}


initialize("localhost:9092", redact=True)
initialize("localhost:9092", redact=scrub)
initialize(
    "localhost:9092",
    redact=Redaction(
        detectors=["email", "card"],
        keys=[*SENSITIVE_KEYS, "birthday"],
        paths=("customer.name",),
        patterns={"customer_number": r"K-\d+", "other": re.compile("x")},
        function=scrub,
        hash_key=b"0123456789abcdef",
        hash_run_id=True,
    ),
)


@run("checkout", run_id=lambda order: order.id)
def check_out(order: Order) -> int:
    """Runs inside of a run."""
    act("cart")
    return order.amount


@run("checkout", "order-1")
async def check_out_later(order: Order) -> int:
    """Does so in a coroutine."""
    return order.amount


assert_type(check_out(Order(5)), int)
with run("checkout", run_id="order-1"), bind_correlation_id() as request_id:
    assert_type(request_id, str)
    act("cart", data={"items": 3})
    assert_type(correlation_id(), str | None)

assert_type(act("cart", "checkout", "order-1"), None)
assert_type(flush(1.5), bool)
assert_type(shutdown(timeout=1), bool)
assert_type(stats(), Stats)
with recorded() as events:
    assert_type(events, list[dict[str, Any]])
