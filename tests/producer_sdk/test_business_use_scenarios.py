"""The README and the tests of Business-Use's SDK (PyPI business-use 0.4.1), done with ours.

Where theirs look at the text of a script, these ask the worker's sandbox what it answers.
"""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# The functions of RULES are written as users write them, without types.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import orjson
import pytest

from producer_sdk import NodeCondition, act, assert_, ensure, flush, initialize, shutdown, stats
from producer_sdk._client import client
from streams.engine.script_calls import ScriptCall
from streams.testing import start_sandbox
from tests.producer_sdk.contract_server import API_KEY, ContractServer

if TYPE_CHECKING:
    from collections.abc import Generator

    from streams.testing import FlowRun, SyncSandbox

Json: TypeAlias = dict[str, Any]


@pytest.fixture
def duly_scripts() -> Generator[SyncSandbox]:
    """A sandbox for one test: no process is to outlive a test of ours."""
    scripts = start_sandbox()
    yield scripts
    scripts.close()


# --- the README: quick start and reference


def test_the_quick_start_is_judged(flow_run: FlowRun) -> None:
    def validate_payment(data: Json, ctx: Any) -> bool:
        """The amount is there, and so is the cart."""
        has_cart = any(dep["id"] == "cart_created" for dep in ctx["deps"])
        return data["amount"] > 0 and has_cart

    ensure(
        id="user_signup",
        flow="onboarding",
        run_id="user_12345",
        data={"email": "user@example.com", "plan": "premium"},
    )
    act(id="cart_created", flow="checkout", run_id="order_67890", data={})
    ensure(
        id="payment_valid",
        flow="checkout",
        run_id="order_67890",
        data={"amount": 99.99, "currency": "USD"},
        dep_ids=["cart_created"],
        validator=validate_payment,
    )
    assert [event["type"] for event in flow_run.events] == ["act", "act", "assert"]
    flow_run.assert_flow("onboarding", "user_12345")
    flow_run.assert_flow("checkout", "order_67890")


def test_totals_are_compared_with_those_of_all_events_before(flow_run: FlowRun) -> None:
    def validate_order(data: Json, ctx: Any) -> bool:
        items_total = sum(dep["data"]["price"] for dep in ctx["deps"] if dep["id"] == "item_added")
        return data["total"] == items_total

    for run_id, total in (("right", 150), ("wrong", 149)):
        for price in (100, 50):
            act(id="item_added", flow="checkout", run_id=run_id, data={"price": price})
        assert_(
            id="order_total_matches",
            flow="checkout",
            run_id=run_id,
            data={"total": total},
            dep_ids=["item_added"],
            validator=validate_order,
            description="Order total matches sum of item prices",
        )
    flow_run.assert_flow("checkout", "right")
    verdict = flow_run.assert_flow("checkout", "wrong", "failed")
    assert [cause["kind"] for cause in verdict["causes"]] == ["validator"]


def test_run_id_and_dependencies_may_be_functions(flow_run: FlowRun) -> None:
    for node in ("gateway", "auth"):
        act(id=node, flow="integration", run_id="trace-7", data={})
    act(
        id="api_request",
        flow="integration",
        run_id=lambda: "trace-7",
        data={"endpoint": "/users", "method": "POST"},
        dep_ids=lambda: ["gateway", "auth"],
    )
    assert flow_run.events[-1]["run_id"] == "trace-7"
    assert flow_run.events[-1]["dep_ids"] == ["gateway", "auth"]
    flow_run.assert_flow("integration", "trace-7")


@pytest.mark.parametrize(("status", "node_is"), [("approved", "passed"), ("declined", "excluded")])
def test_a_filter_looks_at_what_came_before(flow_run: FlowRun, status: str, node_is: str) -> None:
    act(id="payment_processed", flow="checkout", run_id="run_12345", data={"status": status})
    act(id="inventory_reserved", flow="checkout", run_id="run_12345", data={"status": "approved"})
    act(
        id="order_completed",
        flow="checkout",
        run_id="run_12345",
        data={"order_id": "ord_123"},
        dep_ids=["payment_processed", "inventory_reserved"],
        filter=lambda data, ctx: all(
            dep["data"].get("status") == "approved" for dep in ctx["deps"]
        ),
        required=False,
    )
    verdict = flow_run.assert_flow("checkout", "run_12345")
    nodes = {node["node"]: node["status"] for node in verdict["nodes"]}
    assert nodes["order_completed"] == node_is


def test_several_dependencies_are_asked_of_one_validator(flow_run: FlowRun) -> None:
    def validate(data: Json, ctx: Any) -> bool:
        approved = any(
            dep["id"] == "payment_processed" and dep["data"]["status"] == "approved"
            for dep in ctx["deps"]
        )
        reserved = any(
            dep["id"] == "inventory_reserved" and dep["data"]["reserved"] is True
            for dep in ctx["deps"]
        )
        return approved and reserved and data["ready_to_ship"]

    for run_id, reserved in (("ready", True), ("not-ready", False)):
        act(id="payment_processed", flow="checkout", run_id=run_id, data={"status": "approved"})
        act(id="inventory_reserved", flow="checkout", run_id=run_id, data={"reserved": reserved})
        assert_(
            id="order_ready",
            flow="checkout",
            run_id=run_id,
            data={"ready_to_ship": True},
            dep_ids=["payment_processed", "inventory_reserved"],
            validator=validate,
        )
    flow_run.assert_flow("checkout", "ready")
    flow_run.assert_flow("checkout", "not-ready", "failed")


def test_a_condition_is_a_deadline(flow_run: FlowRun) -> None:
    act(id="paid", flow="checkout", run_id="order-1", data={})
    flow_run.later(milliseconds=6_000)
    act(
        id="shipped",
        flow="checkout",
        run_id="order-1",
        data={},
        dep_ids=["paid"],
        conditions=[NodeCondition(timeout_ms=5_000)],
        additional_meta={"team": "logistics"},
    )
    verdict = flow_run.assert_flow("checkout", "order-1", "failed")
    assert [cause["kind"] for cause in verdict["causes"]] == ["late"]


# --- their tests of the client


async def an_async_function(*_: object) -> bool:
    return True


@pytest.mark.parametrize(
    ("argument", "count"),
    [
        ("run_id", "refused_invalid"),
        ("dep_ids", "fields_left_out"),
        ("filter", "scripts_not_sent"),
        ("validator", "scripts_not_sent"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine 'an_async_function' was never awaited")
def test_an_async_function_is_refused_counted_and_said(
    argument: str, count: str, lenient_events: list[Json], caplog: pytest.LogCaptureFixture
) -> None:
    call: Json = {"id": "test_event", "flow": "test_flow", "run_id": "run_123", "data": {}}
    call[argument] = an_async_function
    ensure(**call)
    assert getattr(stats(), count) == 1
    [message] = caplog.messages
    assert argument in message


def test_functions_are_accepted(flow_run: FlowRun) -> None:
    act("dep1", "test_flow", "run_123")
    act(
        id="test_event",
        flow="test_flow",
        run_id=lambda: "run_123",
        data={"test": True},
        filter=lambda data, ctx: data["test"],
        dep_ids=lambda: ["dep1"],
    )
    assert_(
        id="test_assertion",
        flow="test_flow",
        run_id="run_123",
        data={"test": True},
        validator=lambda data, ctx: True,
    )
    flow_run.assert_flow("test_flow", "run_123")


def test_calls_before_initialize_do_nothing_and_are_counted(lenient: None) -> None:
    act(id="test", flow="test", run_id="test", data={})
    assert_(id="test", flow="test", run_id="test", data={})
    assert shutdown()
    assert stats().ignored_not_initialized == 2


@pytest.fixture
def server() -> Generator[ContractServer]:
    with ContractServer() as server:
        yield server
        shutdown(0)


def test_the_environment_configures_it(
    server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUSINESS_USE_API_KEY", API_KEY)
    monkeypatch.setenv("BUSINESS_USE_URL", server.url)
    initialize()
    act(id="test", flow="test", run_id="test", data={})
    assert flush(10)
    assert server.nodes() == ["test"]


def test_arguments_override_the_environment(
    server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUSINESS_USE_API_KEY", "env-key")
    monkeypatch.setenv("BUSINESS_USE_URL", "http://127.0.0.1:1")
    initialize(api_key=API_KEY, url=server.url, batch_size=50, batch_interval=10)
    act(id="test", flow="test", run_id="test", data={})
    assert shutdown(timeout=10.0)
    assert server.nodes() == ["test"]


def test_without_a_key_nothing_is_sent_and_that_is_said(
    lenient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("BUSINESS_USE_API_KEY", raising=False)
    initialize(url="http://127.0.0.1:1")
    assert "pass api_key= or set DULY_API_KEY" in caplog.text
    assert not client.sink.live


# --- their tests of what becomes of functions


Inputs: TypeAlias = tuple[dict[str, Any], dict[str, Any]]


class Rule(NamedTuple):
    """A function, and data with a context for which it holds and does not."""

    function: Any
    holds: Inputs
    does_not: Inputs


def dep(**data: Any) -> Json:
    return {"deps": [{"flow": "f", "id": "a", "data": data}]}


def with_docstring(data: Json, ctx: Any) -> bool:
    """Validate that the payment is positive."""
    return data["amount"] > 0 and data["currency"] in ["USD", "EUR"]


def with_statements(data: Json, ctx: Any) -> bool:
    """Validate an order."""
    # Calculate the totals
    subtotal = sum(item["price"] * item["quantity"] for item in data["items"])
    tax = subtotal * 0.1
    shipping = 10 if subtotal < 100 else 0
    total = subtotal + tax + shipping
    return abs(data["total"] - total) < 0.01


def with_conditionals(data: Json, ctx: Any) -> bool:
    if data["type"] == "premium":  # noqa: SIM108 -- this form is what is tried
        min_amount = 100
    else:
        min_amount = 50
    return data["amount"] >= min_amount


def with_comments(data: Json, ctx: Any) -> bool:
    # This is a comment
    return data["amount"] > 0  # and so is this


def with_context(data: Json, ctx: Any) -> bool:
    upstream = ctx.get("data", {})
    return data["total"] >= upstream.get("total", 0)


ITEMS = [{"price": 10, "quantity": 2}]
RULES: dict[str, Rule] = {
    "one expression": Rule(
        lambda data, ctx: data["amount"] > 0, ({"amount": 1}, {}), ({"amount": 0}, {})
    ),
    "boolean logic": Rule(
        lambda data, ctx: data["amount"] > 0 and data["currency"] in ["USD", "EUR"],
        ({"amount": 1, "currency": "USD"}, {}),
        ({"amount": 1, "currency": "GBP"}, {}),
    ),
    "several lines": Rule(
        lambda data, ctx: (
            (data["status"] == "active" and data["amount"] > 0) or data["bypass"] is True
        ),
        ({"status": "active", "amount": 1, "bypass": False}, {}),
        ({"status": "off", "amount": 1, "bypass": False}, {}),
    ),
    "not and or": Rule(
        lambda data, ctx: not data["is_first_run"] or data["allow_fix"] is True,
        ({"is_first_run": False, "allow_fix": False}, {}),
        ({"is_first_run": True, "allow_fix": False}, {}),
    ),
    "texts with colons": Rule(
        lambda data, ctx: data["key:with:colons"] == "value:also:colons",
        ({"key:with:colons": "value:also:colons"}, {}),
        ({"key:with:colons": "value"}, {}),
    ),
    "nested access": Rule(
        lambda data, ctx: data["run_id"] == ctx["deps"][0]["data"]["run_id"],
        ({"run_id": "r"}, dep(run_id="r")),
        ({"run_id": "r"}, dep(run_id="s")),
    ),
    "a call at the end": Rule(
        lambda data, ctx: data["run_id"] == ctx["deps"][0]["data"].get("run_id", "default"),
        ({"run_id": "default"}, dep()),
        ({"run_id": "r"}, dep()),
    ),
    "two nested accesses": Rule(
        lambda data, ctx: data["items"][0]["price"] == ctx["deps"][0]["data"]["items"][1]["price"],
        ({"items": [{"price": 2}]}, dep(items=[{"price": 1}, {"price": 2}])),
        ({"items": [{"price": 2}]}, dep(items=[{"price": 2}, {"price": 1}])),
    ),
    "all()": Rule(
        lambda data, ctx: all(dep["data"]["status"] == "approved" for dep in ctx["deps"]),
        ({}, dep(status="approved")),
        ({}, dep(status="declined")),
    ),
    "a docstring": Rule(
        with_docstring,
        ({"amount": 1, "currency": "USD"}, {}),
        ({"amount": 0, "currency": "USD"}, {}),
    ),
    "statements": Rule(
        with_statements, ({"items": ITEMS, "total": 32.0}, {}), ({"items": ITEMS, "total": 30}, {})
    ),
    "conditionals": Rule(
        with_conditionals,
        ({"type": "basic", "amount": 60}, {}),
        ({"type": "premium", "amount": 60}, {}),
    ),
    "comments": Rule(with_comments, ({"amount": 1}, {}), ({"amount": 0}, {})),
    "the context": Rule(
        with_context, ({"total": 2}, {"data": {"total": 2}}), ({"total": 1}, {"data": {"total": 2}})
    ),
}


@pytest.mark.parametrize("field", ["filter", "validator"])
def test_functions_mean_to_the_worker_what_they_mean_here(
    field: Literal["filter", "validator"], events: list[Json], duly_scripts: SyncSandbox
) -> None:
    calls: list[ScriptCall] = []
    for rule in RULES.values():
        fields: Any = {field: rule.function}
        act("a", "f", "r", **fields)
        script = events[-1][field]
        calls += [
            ScriptCall(script["engine"], script["script"], field, *map(orjson.dumps, inputs))
            for inputs in (rule.holds, rule.does_not)
        ]
    outcomes = [answer.outcome for answer in duly_scripts.evaluate(calls)]
    assert dict(zip(RULES, zip(outcomes[::2], outcomes[1::2], strict=True), strict=True)) == (
        dict.fromkeys(RULES, ("true", "false"))
    )


def test_a_literal_filter_is_no_script(events: list[Json]) -> None:
    act("a", "f", "r", filter=True)
    act("a", "f", "r", filter=False)
    assert [event["filter"] for event in events] == [True, False]


def test_a_function_without_arguments_is_refused_as_it_could_look_at_nothing(
    lenient_events: list[Json],
) -> None:
    call: Any = {"filter": lambda: True}
    act("a", "f", "r", **call)
    assert stats().scripts_not_sent == 1
    assert "filter not judged" in lenient_events[0]["filter"]["script"]
