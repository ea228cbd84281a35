"""The producer SDK: tells Duly what a service does, and never stands in its way.

from producer_sdk import NodeCondition, act, assert_, initialize, shutdown

initialize("kafka:9092")
act("cart", "checkout", run_id="order-1", data={"items": 3})
assert_(
    "pay",
    "checkout",
    run_id="order-1",
    data={"amount": 1999},
    dep_ids=["cart"],
    conditions=[NodeCondition(timeout_ms=5_000)],
    validator=lambda data, ctx: data["amount"] > 0,
)
shutdown()
"""

from __future__ import annotations

from producer_sdk._api import act, assert_, ensure, flush, initialize, shutdown, stats
from producer_sdk._errors import CaptureError, EventTooBig, SdkError, UsageError
from producer_sdk._types import (
    Context,
    Data,
    Dependency,
    FlowOptions,
    NodeCondition,
    NodeFields,
    RunId,
    Script,
    Settings,
    Stats,
)

__all__ = [
    "CaptureError",
    "Context",
    "Data",
    "Dependency",
    "EventTooBig",
    "FlowOptions",
    "NodeCondition",
    "NodeFields",
    "RunId",
    "Script",
    "SdkError",
    "Settings",
    "Stats",
    "UsageError",
    "act",
    "assert_",
    "ensure",
    "flush",
    "initialize",
    "shutdown",
    "stats",
]
