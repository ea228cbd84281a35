# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Calls that a type checker refuses: a mark that is not needed is an error."""

from __future__ import annotations

from typing import Any

from producer_sdk import (
    NodeCondition,
    Redaction,
    act,
    bind_correlation_id,
    ensure,
    initialize,
    run,
    shutdown,
)


def one_argument(data: dict[str, Any]) -> bool:
    """Lacks the context."""
    return bool(data)


def no_answer(data: dict[str, Any], ctx: Any) -> str:
    """Answers with a text."""
    return "yes"


async def waits(data: dict[str, Any], ctx: Any) -> bool:
    """Answers later."""
    return True


act()  # pyright: ignore[reportCallIssue]
act("cart", "checkout", 5)  # pyright: ignore[reportArgumentType]
act("cart", "checkout", "order-1", [1])  # pyright: ignore[reportArgumentType]
act("cart", "checkout", lambda: 5)  # pyright: ignore[reportArgumentType]
act("cart", "checkout", "order-1", {}, True)  # pyright: ignore[reportCallIssue]
act("cart", "checkout", "order-1", depids=["a"])  # pyright: ignore[reportCallIssue]
ensure("pay", "checkout", "order-1", validator=one_argument)  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", validator=no_answer)  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", validator=waits)  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", validator=True)  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", filter="data['x']")  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", dep_ids=[1])  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", dep_mode="some")  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", conditions=[{"timeout_ms": 1}])  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", options={"windw_ms": 1})  # pyright: ignore[reportArgumentType]
ensure("pay", "checkout", "order-1", required="yes")  # pyright: ignore[reportArgumentType]
NodeCondition()  # pyright: ignore[reportCallIssue]
initialize("localhost:9092", max_queue=5)  # pyright: ignore[reportCallIssue]
initialize(url="http://h", apikey="k")  # pyright: ignore[reportCallIssue]
initialize(on_error=lambda: None)  # pyright: ignore[reportArgumentType]
initialize("localhost:9092", compression="rar")  # pyright: ignore[reportArgumentType]
initialize("localhost:9092", linger_ms="5")  # pyright: ignore[reportArgumentType]
initialize("localhost:9092", redact="email")  # pyright: ignore[reportArgumentType]
Redaction(["email"])  # pyright: ignore[reportCallIssue]
Redaction(detectors=["e-mail"])  # pyright: ignore[reportArgumentType]
Redaction(function=lambda data: 5)  # pyright: ignore[reportArgumentType]
run("checkout")  # pyright: ignore[reportCallIssue]
run("checkout", 5)  # pyright: ignore[reportArgumentType]
bind_correlation_id(5)  # pyright: ignore[reportArgumentType]
shutdown("now")  # pyright: ignore[reportArgumentType]
