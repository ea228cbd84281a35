"""Producer SDK: a service records its events with it; no call raises or blocks.

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

from producer_sdk._api import (
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
from producer_sdk._errors import CaptureError, EventTooBig, SdkError, UsageError
from producer_sdk._on_error import OnError, Problem
from producer_sdk._redaction import DETECTORS, SENSITIVE_KEYS, Detector, Redaction
from producer_sdk._session import Session
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
    "DETECTORS",
    "SENSITIVE_KEYS",
    "CaptureError",
    "Context",
    "Data",
    "Dependency",
    "Detector",
    "EventTooBig",
    "FlowOptions",
    "NodeCondition",
    "NodeFields",
    "OnError",
    "Problem",
    "Redaction",
    "RunId",
    "Script",
    "SdkError",
    "Session",
    "Settings",
    "Stats",
    "UsageError",
    "act",
    "assert_",
    "bind_correlation_id",
    "correlation_id",
    "ensure",
    "flush",
    "initialize",
    "run",
    "shutdown",
    "stats",
]
