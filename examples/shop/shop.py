"""A sample shop that tells Duly what it does, some of it on purpose wrong.

    DULY_BROKER=localhost:9092 python examples/shop/shop.py

The flow that its orders must keep to is in shop.yaml. Each order is announced on stdout as one
line of JSON, with the verdict that it must get, so that whoever watches can tell.
"""

from __future__ import annotations

import asyncio
import json
from typing import NamedTuple

from producer_sdk import act, assert_, initialize, shutdown


class Step(NamedTuple):
    """One thing that happens to an order, and how long after the one before it."""

    node: str
    seconds: float = 0.2
    amount: int | None = None


class Order(NamedTuple):
    """One order: what will happen to it, and the verdict that this deserves."""

    run_id: str
    story: str
    steps: list[Step]
    status: str = "passed"
    cause: str | None = None
    node: str | None = None


TOTAL = 60
PAID = Step("pay", amount=TOTAL)

BROKEN = [
    Order(
        "order-stuck",
        "paid, but nobody ships it",
        [Step("cart"), PAID],
        "failed",
        "timeout",
        "ship",
    ),
    Order(
        "order-slow",
        "ships 300 ms too late",
        [Step("cart"), PAID, Step("ship", 2.3), Step("deliver")],
        "failed",
        "late",
        "ship",
    ),
    Order(
        "order-hasty",
        "ships before it is paid",
        [Step("cart"), Step("ship"), Step("pay", 0.5, TOTAL), Step("deliver")],
        "failed",
        "order",
        "ship",
    ),
    Order(
        "order-short",
        "pays 6 instead of 60",
        [Step("cart"), Step("pay", amount=6), Step("ship"), Step("deliver")],
        "failed",
        "validator",
        "pay",
    ),
    Order("order-left", "the cart is left", [Step("cart")], "incomplete"),
]


def well_kept(number: int) -> Order:
    """Return an order to which all happens that should."""
    steps = [Step("cart"), PAID, Step("ship"), Step("deliver")]
    return Order(f"order-{number}", "goes as it should", steps)


def orders() -> list[Order]:
    """Return the day's orders: the broken ones among those that go well."""
    mixed = [well_kept(0)]
    for number, broken in enumerate(BROKEN, start=1):
        mixed += [broken, well_kept(number)]
    return mixed


def take(order: Order, step: Step) -> None:
    """Let one thing happen to an order, and say so by a call of the SDK."""
    if step.node == "pay":
        assert_(id="pay", flow="shop", run_id=order.run_id, data={"amount": step.amount})
    elif step.node == "cart":
        act(id="cart", flow="shop", run_id=order.run_id, data={"total": TOTAL})
    else:
        act(id=step.node, flow="shop", run_id=order.run_id, data={"parcel": order.run_id})


async def live(order: Order) -> None:
    """Let happen, in its time, what happens to an order."""
    for step in order.steps:
        await asyncio.sleep(step.seconds)
        take(order, step)


def announce(order: Order) -> None:
    """Say on stdout what will happen and what verdict that must get."""
    said = {name: value for name, value in order._asdict().items() if name != "steps"}
    print(json.dumps(said), flush=True)


async def open_shop() -> None:
    """Take an order every 300 ms and see them all through."""
    async with asyncio.TaskGroup() as group:
        for order in orders():
            announce(order)
            group.create_task(live(order))
            await asyncio.sleep(0.3)


def main() -> None:
    """Open the shop once."""
    initialize()
    try:
        asyncio.run(open_shop())
    finally:
        shutdown()


if __name__ == "__main__":
    main()
