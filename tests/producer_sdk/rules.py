"""Rules as users write them, by the shapes that matter for taking their source."""

# These are odd shapes on purpose, and what a lambda takes here has no type.
# pyright: basic
# ruff: noqa: C416, E731, ICN001, PLC3002, PLW0108, SIM115

from __future__ import annotations

import datetime
import enum
import functools
import json
import math
import re
from decimal import Decimal
from math import isclose
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

Rule = Any
"""A function that may break the type of a script, which is what some of these are about."""

LIMIT = 10
NAMES = {"b", "a"}
PRICES = {"book": [Decimal("9.99"), (1, None)]}
PATTERN = re.compile(r"^ab+$", re.IGNORECASE)


class Status(enum.StrEnum):
    PAID = "paid"


PAID = Status.PAID


class Taken(NamedTuple):
    """A rule that can be sent, and data on which it says True and False."""

    rule: Rule
    true: dict[str, Any]
    false: dict[str, Any]


def documented(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
    """Say so in a docstring."""
    total: int = 0  # and in a comment
    name: str
    for item in data["items"]:
        total += item
    name = "total"
    return {name: total}["total"] == 3


def within(value: int, low: int = 0, *rest: int, high: int = LIMIT, **more: int) -> bool:
    """A helper with every kind of argument."""
    return low <= value <= high and not rest and not more


def uses_helper(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
    return within(data["x"], high=5) and within(data["x"])


def even(number: int) -> bool:
    return number == 0 or odd(number - 1)


def odd(number: int) -> bool:
    return number != 0 and even(number - 1)


def with_inner(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
    def inner(value: int) -> int:
        return value + LIMIT

    doubled = [inner(x) for x in data["xs"] if (lambda y: y > 1)(x)]
    return sum(doubled) == 25


def over(limit: int, box: dict[str, list[int]]) -> Callable[..., bool]:
    def rule(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
        return data["x"] > limit + box["plus"][0]

    return rule


def decorate(function: Callable[..., bool]) -> Callable[..., bool]:
    @functools.wraps(function)
    def wrapper(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
        return not function(data, ctx)

    return wrapper


def register(function: Callable[..., bool]) -> Callable[..., bool]:
    return function


@decorate
def decorated(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
    return data["x"] != LIMIT


@register
def registered(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
    return data["x"] == LIMIT


def filter(data: dict[str, Any], ctx: dict[str, Any]) -> bool:
    return len(list(data["xs"])) > 0


PAIR: tuple[Rule, Rule] = (lambda data, ctx: data["a"], lambda data, ctx: data["b"])
# fmt: off
NESTED: Rule = (lambda outer: lambda data, ctx: data["x"] == outer)(3)
TWINS: tuple[Rule, Rule] = (lambda data, ctx: True), (lambda data, ctx: data == {})
COMMENTED: Rule = (
    lambda data, ctx: data["a"]  # a comment, with a comma
    if data["x"]
    else data["b"]
)
# fmt: on

TAKEN: dict[str, Taken] = {
    "lambda": Taken(lambda data, ctx: data["x"] > 0, {"x": 1}, {"x": 0}),
    "other names": Taken(lambda d, c: d["x"] > 0 and "y" not in c, {"x": 1}, {"x": 0}),
    "first of a line": Taken(PAIR[0], {"a": True, "b": False}, {"a": False, "b": True}),
    "second of a line": Taken(PAIR[1], {"a": False, "b": True}, {"a": True, "b": False}),
    "lambda around a lambda": Taken(
        lambda data, ctx: min(data["x"], key=lambda x: -x) == 2, {"x": [1, 2]}, {"x": [3]}
    ),
    "lambda in a lambda": Taken(NESTED, {"x": 3}, {"x": 4}),
    "constant lambda of a line": Taken(TWINS[1], {}, {"x": 1}),
    "comment in a lambda": Taken(
        COMMENTED, {"x": 1, "a": True, "b": False}, {"x": 0, "a": True, "b": False}
    ),
    "docstring, comments, annotations": Taken(documented, {"items": [1, 2]}, {"items": []}),
    "global number": Taken(lambda data, ctx: data["x"] > LIMIT, {"x": 11}, {"x": 10}),
    "global set": Taken(lambda data, ctx: data["x"] in NAMES, {"x": "a"}, {"x": "c"}),
    "global dict": Taken(
        lambda data, ctx: (
            PRICES["book"][0] == Decimal(data["x"]) and PRICES["book"][1] == (1, None)
        ),
        {"x": "9.99"},
        {"x": "9.98"},
    ),
    "compiled pattern": Taken(
        lambda data, ctx: PATTERN.match(data["x"]) is not None, {"x": "ABB"}, {"x": "b"}
    ),
    "text of an enum": Taken(lambda data, ctx: data["x"] == PAID, {"x": "paid"}, {"x": "due"}),
    "infinity": Taken(
        lambda data, ctx, most=math.inf: data["x"] < most and data["y"],
        {"x": 1, "y": True},
        {"x": 1, "y": False},
    ),
    "default": Taken(lambda data, ctx, low=LIMIT: data["x"] > low, {"x": 11}, {"x": 10}),
    "named default": Taken(lambda data, ctx, *, low=LIMIT: data["x"] > low, {"x": 11}, {"x": 10}),
    "closure": Taken(over(3, {"plus": [1]}), {"x": 5}, {"x": 4}),
    "helper": Taken(uses_helper, {"x": 5}, {"x": 6}),
    "helpers that call each other": Taken(lambda data, ctx: even(data["x"]), {"x": 4}, {"x": 3}),
    "recursive lambda's helper": Taken(lambda data, ctx: odd(data["x"]), {"x": 3}, {"x": 4}),
    "inner functions": Taken(with_inner, {"xs": [1, 2, 3]}, {"xs": [1]}),
    "decorated": Taken(decorated, {"x": 10}, {"x": 11}),
    "registered": Taken(registered, {"x": 10}, {"x": 11}),
    "named like a builtin": Taken(filter, {"xs": [1]}, {"xs": []}),
    "module": Taken(
        lambda data, ctx: math.floor(data["x"]) == 1 and json.loads(data["y"]),
        {"x": 1.5, "y": "true"},
        {"x": 2.5, "y": "true"},
    ),
    "function of a module": Taken(
        lambda data, ctx: isclose(data["x"], 0.3), {"x": 0.1 + 0.2}, {"x": 0.31}
    ),
    "class of a module": Taken(
        lambda data, ctx: Decimal(data["x"]) + 1 == Decimal("2.5"), {"x": "1.5"}, {"x": "1"}
    ),
    "datetimes": Taken(
        lambda data, ctx: datetime.datetime.fromisoformat(data["x"]).year == 2026,
        {"x": "2026-01-02T03:04:05+00:00"},
        {"x": "2025-01-02T03:04:05+00:00"},
    ),
    "f-string": Taken(
        lambda data, ctx: f"{data['x']!r:>{data['y']}}|{{{data['x']}}}" == "  'a'|{a}",
        {"x": "a", "y": 5},
        {"x": "b", "y": 5},
    ),
    "shadowed global": Taken(
        lambda data, ctx: [LIMIT for LIMIT in data["xs"]] == [1] and LIMIT == 10,
        {"xs": [1]},
        {"xs": [2]},
    ),
    "any that stops": Taken(
        lambda data, ctx: any(item["x"] == LIMIT for item in data["xs"]),
        {"xs": [{"x": 10}, {}]},
        {"xs": [{"x": 1}]},
    ),
}


# --- what cannot be sent


def many(count: int) -> list[int]:
    return list(range(count))


TOO_MANY = many(501)
CYCLE: list[Any] = []
CYCLE.append(CYCLE)


def changes_a_global(data: Any, ctx: Any) -> bool:
    global LIMIT  # noqa: PLW0603
    LIMIT = data["x"]  # pyright: ignore[reportConstantRedefinition]
    return True


def keeps_count() -> Rule:
    count = 0

    def rule(data: Any, ctx: Any) -> bool:
        nonlocal count
        count += 1
        return count > 1

    return rule


def has_a_class(data: Any, ctx: Any) -> bool:
    class Inner:
        pass

    return bool(Inner())


def deletes(data: Any, ctx: Any) -> bool:
    del data["x"]
    return True


def imports_os(data: Any, ctx: Any) -> bool:
    import os

    return bool(os.environ)


async def waits(data: Any, ctx: Any) -> bool:
    return True


def yields(data: Any, ctx: Any) -> Any:
    yield True


def too_early() -> Rule:
    rule = lambda data, ctx: later
    captured = rule
    yield captured
    later = True
    yield later


def helper_that_reads_a_file(name: str) -> bool:
    return bool(open(name).read())  # noqa: PTH123


class Checks:
    def method(self, data: Any, ctx: Any) -> bool:
        return True

    def __call__(self, data: Any, ctx: Any) -> bool:
        return True


CONNECTION = Checks()
long_rule: Rule = eval("lambda data, ctx: True")

REFUSED: dict[str, tuple[Rule, str]] = {
    "a builtin": (len, "it is of type builtin_function_or_method; pass a def or a lambda"),
    "a partial": (functools.partial(within, 1), "it is of type partial"),
    "a method": (Checks().method, "it is of type method"),
    "an object": (Checks(), "it is of type Checks"),
    "a text": ("data['x'] > 0", "it is of type str"),
    "one argument": (lambda data: True, "must take two arguments, data and ctx"),
    "three arguments": (lambda data, ctx, more: True, "further ones only with a default"),
    "any arguments": (lambda *args: True, "must take two arguments, data and ctx"),
    "named arguments": (lambda data, ctx, **more: True, "must take two arguments"),
    "async": (waits, "it is async or a generator"),
    "a generator": (yields, "it is async or a generator"),
    "global": (changes_a_global, "it has global, which a script cannot have"),
    "nonlocal": (keeps_count(), "it has nonlocal"),
    "a class": (has_a_class, "it has a class"),
    "del": (deletes, "it has del"),
    "an import": (imports_os, "it imports os; the sandbox has base64"),
    "a module": (
        lambda data, ctx: functools.reduce and re and datetime and enum,
        "it uses enum, which is the module enum; the sandbox has base64",
    ),
    "a builtin that the sandbox lacks": (
        lambda data, ctx: open(data["x"]),  # noqa: PTH123
        "it uses the builtin open, which the sandbox does not have",
    ),
    "an unknown name": (
        lambda data, ctx: not_there,  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
        "it uses not_there, which is not defined",
    ),
    "a name without a value": (next(too_early()), "it uses later, which has no value yet"),
    "an object from outside": (
        lambda data, ctx: CONNECTION(data, ctx),
        "it uses CONNECTION, which is of type Checks, which cannot be sent by value",
    ),
    "a class from outside": (lambda data, ctx: Status(data["x"]), "it uses Status, which is"),
    "too much from outside": (
        lambda data, ctx: data["x"] in TOO_MANY,
        "it uses TOO_MANY, which holds more than 500 values; put what is needed into data",
    ),
    "a list in itself": (lambda data, ctx: CYCLE, "it uses CYCLE, which is nested too deeply"),
    "a helper that cannot be sent": (
        lambda data, ctx: helper_that_reads_a_file(data["x"]),
        "in the function helper_that_reads_a_file that it uses: it uses the builtin open",
    ),
    "no source": (long_rule, "its source file <string> cannot be read"),
}
