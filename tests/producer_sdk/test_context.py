"""Calls inside of a run, a request or a span say what they belong to without being told."""

from __future__ import annotations

import asyncio
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

from producer_sdk import UsageError, act, bind_correlation_id, correlation_id, run, stats
from producer_sdk._context import context_headers

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.producer_sdk.conftest import Recording

wrong_run: Any = run


def runs(events: Recording) -> list[tuple[str, str]]:
    return [(event["flow"], event["run_id"]) for event in events]


def test_calls_inside_need_neither_flow_nor_run_id(events: Recording) -> None:
    with run("checkout", run_id="order-1"):
        act("cart", data={"items": 3})
        act("pay")
    assert runs(events) == [("checkout", "order-1")] * 2
    assert events[0]["data"] == {"items": 3}


def test_what_a_call_says_itself_wins(events: Recording) -> None:
    with run("checkout", "order-1"):
        act("cart", "returns")
        act("cart", run_id="order-2")
    assert runs(events) == [("returns", "order-1"), ("checkout", "order-2")]


def test_the_inner_run_counts_and_then_the_outer_one_again(events: Recording) -> None:
    with run("checkout", "order-1"):
        with run("refund", "refund-1"):
            act("a")
        act("b")
    with pytest.raises(UsageError, match="flow is missing: pass it, or call inside"):
        act("c")
    assert runs(events) == [("refund", "refund-1"), ("checkout", "order-1")]


def test_an_error_leaves_the_run(events: Recording) -> None:
    with pytest.raises(ValueError, match="host"), run("checkout", "order-1"):
        raise ValueError("host")
    with pytest.raises(UsageError):
        act("c")


def test_a_function_as_run_id_is_called_once_at_each_entry(events: Recording) -> None:
    ids = iter(["order-1", "order-2"])
    for _ in range(2):
        with run("checkout", lambda: next(ids)):
            act("a")
            act("b")
    assert [event["run_id"] for event in events] == ["order-1", "order-1", "order-2", "order-2"]


def first(order: str, **_: Any) -> str:
    return order


def test_a_decorated_function_is_in_a_run_named_by_its_arguments(events: Recording) -> None:
    @run("checkout", run_id=first)
    def check_out(order: str, *, again: bool = False) -> str:
        act("cart")
        if again:
            check_out(f"{order}-again")
        act("pay")
        return order

    assert check_out("order-1", again=True) == "order-1"
    assert [event["run_id"] for event in events] == [
        "order-1",
        "order-1-again",
        "order-1-again",
        "order-1",
    ]
    assert check_out.__name__ == "check_out"


async def test_coroutines_at_the_same_time_are_each_in_their_own_run(events: Recording) -> None:
    both = asyncio.Barrier(2)

    @run("checkout", run_id=lambda order: order)
    async def check_out(order: str) -> None:
        await both.wait()
        act("cart", data={"order": order})

    await asyncio.gather(check_out("order-1"), check_out("order-2"))
    assert {event["run_id"]: event["data"]["order"] for event in events} == {
        "order-1": "order-1",
        "order-2": "order-2",
    }


async def test_tasks_and_threads_of_asyncio_take_the_run_along(events: Recording) -> None:
    with run("checkout", "order-1"):
        await asyncio.create_task(asyncio.sleep(0))
        await asyncio.to_thread(act, "a")
    assert runs(events) == [("checkout", "order-1")]


def test_a_thread_of_its_own_is_in_no_run(lenient_events: Recording) -> None:
    with run("checkout", "order-1"):
        thread = threading.Thread(target=act, args=["a"])
        thread.start()
        thread.join()
    assert lenient_events == []
    assert stats().refused_invalid == 1


def test_a_generator_closed_elsewhere_leaves_no_error(events: Recording) -> None:
    import contextvars

    def steps() -> Generator[None]:
        with run("checkout", "order-1"):
            yield

    generator = steps()
    contextvars.copy_context().run(next, generator)
    generator.close()
    with pytest.raises(UsageError):
        act("c")


def test_a_decorated_generator_is_refused_and_works_as_it_was(
    lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    @run("checkout", "order-1")
    def steps() -> Generator[int]:
        yield 1

    assert list(steps()) == [1]
    assert "use `with run(…)` inside it" in caplog.text


@pytest.mark.swallows_sdk_errors
def test_nothing_that_run_is_given_raises(lenient_events: Recording) -> None:
    calls: list[tuple[Any, ...]] = [(), ("f",), (5, 5), ("f", lambda: 1 // 0), ("f", "r", "x")]
    for arguments in calls:
        with wrong_run(*arguments):
            act("a")
        wrong_run(*arguments)(lambda: act("a"))()
        with bind_correlation_id(*arguments):
            pass
    assert lenient_events == []
    assert stats().refused_invalid >= 2 * len(calls)


# --- correlation ids


def test_events_carry_the_correlation_id_that_is_bound(events: Recording) -> None:
    assert correlation_id() is None
    with bind_correlation_id("request-7") as bound:
        assert bound == correlation_id() == "request-7"
        act("a", "f", "r")
    act("a", "f", "r")
    assert [event.get("correlation_id") for event in events] == ["request-7", None]


@pytest.mark.parametrize("given", [None, "", "a b", "a\r\nSet-Cookie: x", "x" * 129, "ä", 5])
def test_what_no_header_can_take_is_replaced_by_a_new_id(given: Any) -> None:
    with bind_correlation_id(given) as bound:
        assert uuid.UUID(bound).version == 4


def test_the_context_of_an_event_becomes_headers_of_its_record() -> None:
    value = b'{"v":1,"correlation_id":"request-7","data":{"traceparent":"no"}}'
    assert context_headers(value) == [("correlation-id", b"request-7")]
    assert context_headers(b'{"v":1,"data":{"correlation_id":"no"}}') == []


# --- traces


def test_events_carry_the_span_of_opentelemetry_that_they_are_in(events: Recording) -> None:
    span = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(span)):
        act("a", "f", "r")
    act("a", "f", "r")
    assert events[0]["traceparent"] == f"00-{0xABC:032x}-{0xDEF:016x}-01"
    assert "traceparent" not in events[1]
