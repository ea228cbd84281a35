"""Values of the caller become JSON."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import math
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from producer_sdk import act, stats
from producer_sdk._json_values import MAX_DEPTH, may_hold_non_finite, plain

if TYPE_CHECKING:
    from tests.producer_sdk.conftest import Recording


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Line:
    sku: str
    price: Any = 1


class Order(BaseModel):
    total: int
    at: dt.datetime


class Point(NamedTuple):
    x: int
    y: int


NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


class Loud:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __repr__(self) -> str:
        return "Loud()"  # without an address: all workers of a test run must name a test alike


class Money(float):
    """As numpy's float64 is one."""


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (NOON, "2026-01-02T12:00:00+00:00"),
        (NOON.date(), "2026-01-02"),
        (NOON.time(), "12:00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Line("a"), {"sku": "a", "price": 1}),
        (Order(total=1, at=NOON), {"total": 1, "at": "2026-01-02T12:00:00+00:00"}),
        ((1, 2), [1, 2]),
        (Point(1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        ({1: "a", Colour.RED: "b", None: "c"}, {"1": "a", "red": "b", "None": "c"}),
        (collections.OrderedDict([("a", 1)]), {"a": 1}),
        (Money(1.5), 1.5),
        (None, None),
        (2**64 - 1, 2**64 - 1),
    ],
    ids=repr,
)
def test_what_has_a_form_in_json_takes_it(events: Recording, value: Any, sent: Any) -> None:
    act("a", "f", "r", {"fast": value})
    act("a", "f", "r", {"slow": value, "walked": {1}})
    assert events[0]["data"] == {"fast": sent}
    assert events[1]["data"] == {"slow": sent, "walked": [1]}
    assert stats().values_made_strings == 0


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (Decimal("19.99"), "19.99"),
        (b"ab\xff", "ab\\xff"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (2**64, "18446744073709551616"),
        (1 + 2j, "(1+2j)"),
        ("a\ud800", "a?"),
        (Loud(), "<Loud>"),
        (int, "<class 'int'>"),
        (Line("a", math.nan), {"sku": "a", "price": "nan"}),
        ({"a": [(math.nan,)]}, {"a": [["nan"]]}),
    ],
    ids=repr,
)
def test_what_json_lacks_becomes_a_text_and_is_counted(
    lenient_events: Recording, value: Any, sent: Any
) -> None:
    act("a", "f", "r", {"x": value, "kept": 1})
    assert lenient_events[0]["data"] == {"x": sent, "kept": 1}
    assert stats().values_made_strings == 1


def test_the_log_says_where_the_value_was_and_that_a_validator_sees_a_text(
    lenient_events: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    act("a", "f", "r", {"lines": [{"price": Decimal(1)}, {"price": Decimal(2)}]})
    assert caplog.messages[0].startswith(
        "data.lines[].price is of type Decimal and 1 more; "
        "sent as text, and a validator sees the text"
    )


def test_a_value_in_itself_ends(lenient_events: Recording) -> None:
    data: dict[str, Any] = {"a": 1}
    data["self"] = [data]
    act("a", "f", "r", data)
    assert lenient_events[0]["data"] == {"a": 1, "self": ["<dict>"]}


def test_a_value_beside_itself_is_no_cycle(events: Recording) -> None:
    shared = {"x": {1}}
    act("a", "f", "r", {"a": shared, "b": shared})
    assert events[0]["data"] == {"a": {"x": [1]}, "b": {"x": [1]}}


def test_a_deep_value_is_cut(lenient_events: Recording) -> None:
    deep: Any = {1}
    for _ in range(5_000):
        deep = [deep]
    act("a", "f", "r", {"deep": deep})
    sent: Any = lenient_events[0]["data"]["deep"]
    levels = 1
    while sent != "<list>":
        [sent] = sent
        levels += 1
    assert levels == MAX_DEPTH


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers()
        | st.text()
        | st.binary()
        | st.decimals()
        | st.datetimes()
        | st.uuids()
        | st.complex_numbers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.integers(), inner)
            | st.tuples(inner, inner)
        ),
    )
)
def test_anything_becomes_what_json_has(value: Any) -> None:
    assert _is_json(plain(value, "data").value)


@given(
    st.recursive(
        st.none() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_a_value_that_json_lacks_is_not_missed_among_nulls(value: Any) -> None:
    has_one = bool(plain(value, "data").texts)
    assert may_hold_non_finite(value) == has_one


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return all(type(key) is str and _is_json(item) for key, item in items)
    if isinstance(value, list):
        return all(_is_json(item) for item in cast("list[Any]", value))
    if isinstance(value, float):
        return math.isfinite(value)
    if type(value) is int:
        return -(2**63) <= value < 2**64
    return value is None or type(value) in {bool, str}
