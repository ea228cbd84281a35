"""Calls of the SDK: their events on the wire, and that the caller is never disturbed."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import producer_sdk
from producer_sdk import NodeCondition, UsageError, act, assert_, ensure, stats

if TYPE_CHECKING:
    from tests.producer_sdk.conftest import Recording

wrong_act: Any = act
"""For calls that a type checker would not let pass."""


def test_an_event_has_what_the_call_said(events: Recording) -> None:
    ensure(
        id="pay",
        flow="checkout",
        run_id="order-1",
        data={"amount": 1999, "currency": "EUR"},
        dep_ids=["cart"],
        dep_mode="any",
        description="the card is charged",
        conditions=[NodeCondition(timeout_ms=5_000)],
        additional_meta={"team": "billing"},
        required=True,
        branch="payment",
        exclusive=True,
        ends_run=False,
        options={"window_ms": 60_000, "closed": True},
    )
    [event] = events
    assert {name: event[name] for name in event if name not in ("event_id", "ts")} == {
        "v": 1,
        "flow": "checkout",
        "node": "pay",
        "run_id": "order-1",
        "type": "act",
        "data": {"amount": 1999, "currency": "EUR"},
        "dep_ids": ["cart"],
        "dep_mode": "any",
        "description": "the card is charged",
        "conditions": [{"timeout_ms": 5_000}],
        "additional_meta": {"team": "billing"},
        "required": True,
        "branch": "payment",
        "exclusive": True,
        "ends_run": False,
        "options": {"window_ms": 60_000, "closed": True},
    }


def test_a_call_that_says_little_teaches_nothing(events: Recording) -> None:
    act("cart", "checkout", "order-1")
    assert events[0].keys() == {
        "v",
        "event_id",
        "flow",
        "node",
        "run_id",
        "type",
        "ts",
        "data",
    }
    assert events[0]["data"] == {}


@pytest.mark.parametrize("field", ["dep_ids", "filter", "validator", "conditions", "options"])
def test_none_is_the_same_as_left_out(events: Recording, field: str) -> None:
    wrong_act("cart", "checkout", "order-1", **{field: None})
    assert field not in events[0]


def test_an_empty_list_of_dependencies_is_said(events: Recording) -> None:
    act("cart", "checkout", "order-1", dep_ids=[])
    assert events[0]["dep_ids"] == []


def test_the_type_is_that_of_the_function_and_ensure_goes_by_the_validator(
    events: Recording,
) -> None:
    act("a", "f", "r", validator=lambda data, ctx: True)
    assert_("a", "f", "r")
    ensure("a", "f", "r")
    ensure("a", "f", "r", validator=lambda data, ctx: True)
    assert [event["type"] for event in events] == ["act", "assert", "act", "assert"]


def test_an_event_is_stamped_when_the_call_is_made(events: Recording) -> None:
    before = time.time_ns()
    act("a", "f", "r")
    between = time.time_ns()
    act("a", "f", "r")
    assert before <= events[0]["ts"] <= between <= events[1]["ts"] <= time.time_ns()


def test_event_ids_are_uuid7_of_the_millisecond_of_the_call(events: Recording) -> None:
    for _ in range(2_000):
        act("a", "f", "r")
    ids = [uuid.UUID(event["event_id"]) for event in events]
    assert len(set(ids)) == len(ids)
    assert {(item.version, item.variant) for item in ids} == {(7, uuid.RFC_4122)}
    assert [item.int >> 80 for item in ids] == [event["ts"] // 1_000_000 for event in events]


def test_a_host_that_seeds_the_shared_generator_gets_new_ids_all_the_same(
    events: Recording,
) -> None:
    for _ in range(2):
        random.seed(1)
        act("a", "f", "r")
    assert events[0]["event_id"] != events[1]["event_id"]


def test_data_is_read_at_the_call_whatever_is_done_to_it_later(events: Recording) -> None:
    data = {"outer": {"inner": [1]}}
    act("a", "f", "r", data)
    data["outer"]["inner"].append(2)
    assert events[0]["data"] == {"outer": {"inner": [1]}}


def test_functions_are_called_at_the_call_in_the_thread_of_the_caller(events: Recording) -> None:
    threads: list[threading.Thread] = []

    def said(value: Any) -> Any:
        threads.append(threading.current_thread())
        return value

    ensure(
        "a",
        "f",
        run_id=lambda: said("order-7"),
        dep_ids=lambda: said(["b"]),
        conditions=lambda: said([NodeCondition(1)]),
    )
    assert threads == [threading.current_thread()] * 3
    assert (events[0]["run_id"], events[0]["dep_ids"]) == ("order-7", ["b"])


@pytest.mark.parametrize("answer", [True, False])
def test_a_literal_filter_goes_as_it_is(events: Recording, answer: bool) -> None:
    act("a", "f", "r", filter=answer)
    assert events[0]["filter"] is answer


def test_filter_and_validator_go_as_source_each_in_its_place(events: Recording) -> None:
    act("a", "f", "r", filter=lambda data, ctx: data["x"], validator=lambda data, ctx: data["y"])
    scripts = events[0]["filter"]["script"], events[0]["validator"]["script"]
    assert scripts == (
        "def keep(data, ctx):\n    return data['x']",
        "def validate(data, ctx):\n    return data['y']",
    )


@pytest.mark.parametrize("run_id", [17, uuid.UUID(int=17)])
def test_run_ids_that_have_one_text_are_taken(events: Recording, run_id: Any) -> None:
    act("a", "f", run_id)
    assert events[0]["run_id"] == str(run_id)


@dataclass
class Order:
    amount: int


def test_data_may_be_an_object_that_has_fields(events: Recording) -> None:
    act("a", "f", "r", Order(5))
    assert events[0]["data"] == {"amount": 5}


# --- what costs a field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dep_ids", "cart"),
        ("dep_ids", ["a b"]),
        ("dep_ids", 7),
        ("dep_mode", "some"),
        ("conditions", [{"timeout_ms": 5}]),
        ("conditions", [NodeCondition(timeout_ms=-1)]),
        ("conditions", [NodeCondition(timeout_ms=True)]),
        ("required", "yes"),
        ("branch", ""),
        ("branch", "x" * 129),
        ("description", 5),
        ("additional_meta", [1]),
        ("options", {"windw_ms": 5}),
        ("options", {"retention_ms": 5}),
        ("options", {"grace_ms": 0}),
        ("options", {"closed": 1}),
        ("options", [1]),
        ("depids", ["cart"]),
    ],
)
def test_a_field_that_cannot_be_used_is_left_out_and_the_event_sent(
    lenient_events: Recording, field: str, value: Any
) -> None:
    wrong_act("a", "f", "r", **{field: value})
    assert field not in lenient_events[0]
    assert stats().fields_left_out == 1


def test_a_function_that_raises_costs_its_field(lenient_events: Recording) -> None:
    wrong_act("a", "f", "r", dep_ids=lambda: 1 // 0)
    assert "dep_ids" not in lenient_events[0]
    assert stats().fields_left_out == 1


def test_a_misspelled_field_is_reported_with_the_right_name(
    lenient_events: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    wrong_act("a", "f", "r", depids=["b"])
    assert "there is no field depids; was dep_ids meant?" in caplog.text


def test_a_whole_number_of_milliseconds_may_be_a_float(events: Recording) -> None:
    wrong_act("a", "f", "r", conditions=[NodeCondition(timeout_ms=5_000.0)])  # pyright: ignore[reportArgumentType]
    assert events[0]["conditions"] == [{"timeout_ms": 5_000}]


# --- what costs an event


@pytest.mark.parametrize(
    "call",
    [
        {"run_id": ""},
        {"run_id": None},
        {"run_id": True},
        {"run_id": 1.5},
        {"run_id": "a\0b"},
        {"run_id": "x" * 257},
        {"run_id": "\ud800"},
        {"run_id": lambda: 1 / 0},
        {"id": "a b"},
        {"id": ""},
        {"id": None},
        {"flow": "x" * 129},
        {"flow": 7},
        {"data": [1, 2]},
        {"data": "text"},
    ],
)
def test_an_event_that_no_worker_would_take_is_refused_and_counted(
    lenient_events: Recording, call: dict[str, Any]
) -> None:
    wrong_act(**{"id": "a", "flow": "f", "run_id": "r", **call})
    assert lenient_events == []
    assert stats().refused_invalid == 1


@pytest.mark.parametrize(
    "data",
    [{"x": "y" * 262_144}, {"x": [None] * 300_000}, {"x": list(range(300_000)), "y": {1}}],
    ids=["text", "nulls", "walked"],
)
def test_an_event_of_more_than_256_kib_is_refused_and_counted(
    lenient_events: Recording, data: dict[str, Any]
) -> None:
    act("a", "f", "r", data)
    assert lenient_events == []
    assert stats().refused_too_big == 1


def test_arguments_that_do_not_fit_are_a_report_and_no_error(
    lenient_events: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    wrong_act()
    wrong_act("a", "f", "r", {}, "positional")
    assert lenient_events == []
    assert stats().refused_invalid == 2
    assert "missing 1 required positional argument: 'id'" in caplog.text


@pytest.mark.parametrize(
    "call",
    [
        lambda: act("a", "f", ""),
        lambda: wrong_act("a", "f", "r", required="yes"),
        lambda: wrong_act("a", "f", "r", validator=len),
        lambda: act("a", "f", "r", {"x": object()}),
        lambda: act("a", "f", "r", {"x": "y" * 262_144}),
    ],
    ids=["event", "field", "script", "value", "size"],
)
def test_in_strict_mode_whatever_would_be_lost_raises(events: Recording, call: Any) -> None:
    with pytest.raises(UsageError):
        call()
    assert events == []


# --- logs


def test_a_loss_is_logged_once_for_each_line_with_what_to_do(
    lenient_events: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        act("a", "f", "")
    act("a", "f", "")
    assert stats().refused_invalid == 4
    assert len(caplog.records) == 2
    assert "run_id must have 1 to 256 bytes" in caplog.messages[0]
    assert __file__ in caplog.messages[0]


def test_logs_show_no_payload(lenient_events: Recording, caplog: pytest.LogCaptureFixture) -> None:
    secret = "4111-1111-1111-1111"
    act("a", "f", "r", {"card": object(), secret: object(), "x": {secret: {1: 2}, "y": b"\xff"}})
    act(secret + " ", "f", "r", {"x": secret})
    act("a", "f", secret + "\0")
    wrong_act("a", "f", lambda: int(secret))
    assert len(caplog.records) == 4
    assert secret not in caplog.text


def test_a_call_before_initialize_is_a_counted_no_op(
    lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        act("a", "f", lambda: pytest.fail("called"))
    assert stats().ignored_not_initialized == 2
    assert len(caplog.records) == 1
    assert "call initialize() first" in caplog.text


# --- the public functions


def test_the_public_names_are_these() -> None:
    assert [name for name in producer_sdk.__all__ if name[0].islower()] == [
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


class Hostile:
    """Whatever is asked of it, it raises."""

    instance: Any

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("hostile")

    __bool__ = __call__ = __contains__ = __eq__ = __getitem__ = __hash__ = __iter__ = _raise
    __len__ = __repr__ = __str__ = _raise


Hostile.instance = Hostile()

HOSTILE: dict[str, Any] = {
    "hostile": Hostile(),
    "class": Hostile,
    "nan": float("nan"),
    "huge": 10**400,
    "bytes": b"\xff",
    "surrogate": "\ud800",
    "function": lambda: Hostile.instance,
    "lists": [[]] * 3,
    "set": {1, "a"},
    "object": object(),
}


@pytest.mark.swallows_sdk_errors
@pytest.mark.parametrize("function", [act, assert_, ensure], ids=lambda item: item.__name__)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_argument_whatsoever_raises(lenient_events: Recording, function: Any, name: str) -> None:
    value = HOSTILE[name]
    for argument in ["id", "flow", "run_id", "data", *producer_sdk.NodeFields.__annotations__]:
        for hostile in (value, {"x": value}, [value], lambda: value):
            function(**{"id": "a", "flow": "f", "run_id": "r", argument: hostile})
    assert lenient_events


@pytest.mark.swallows_sdk_errors
@pytest.mark.parametrize("name", HOSTILE)
def test_no_setting_whatsoever_raises(lenient: None, name: str) -> None:
    value = HOSTILE[name]
    for setting in ["bootstrap_servers", "typo", *producer_sdk.Settings.__annotations__]:
        producer_sdk.initialize(**{setting: value})
        producer_sdk.shutdown(0)
    producer_sdk.flush(value)
    producer_sdk.shutdown(value)
