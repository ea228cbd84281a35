"""The tree of errors in streams/errors.py is drawn whole, with the right exit codes."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from typing import NamedTuple

import pytest

import streams
from streams import errors
from streams.errors import DulyError, exit_code_of

LINE = re.compile(r"^(?P<branches>[│├└─ ]*)(?P<name>\w+) +(?P<code>\d+)  (?P<text>.+)$")
PLACE = re.compile(r" \((?P<file>[\w/]+\.py)\)$")
INDENT = 4


class Drawn(NamedTuple):
    """One line of the drawing."""

    parent: str | None
    exit_code: int
    file: str


def drawing() -> dict[str, Drawn]:
    above: list[str] = []
    drawn: dict[str, Drawn] = {}
    for line in (errors.__doc__ or "").splitlines():
        if found := LINE.match(line):
            depth = len(found["branches"]) // INDENT
            above[depth:] = [found["name"]]
            place = PLACE.search(found["text"])
            assert found["name"] not in drawn, "drawn twice"
            drawn[found["name"]] = Drawn(
                above[depth - 1] if depth else None,
                int(found["code"]),
                place["file"] if place else "errors.py",
            )
    return drawn


def descendants(base: type[DulyError]) -> list[type[DulyError]]:
    return [base, *(deeper for child in base.__subclasses__() for deeper in descendants(child))]


@pytest.fixture(scope="module")
def all_errors() -> list[type[DulyError]]:
    """All errors of the package, once every module of it is imported."""
    for module in pkgutil.walk_packages(streams.__path__, "streams."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return [error for error in descendants(DulyError) if error.__module__.startswith("streams.")]


def test_the_drawing_shows_every_error_in_its_place(all_errors: list[type[DulyError]]) -> None:
    assert drawing() == {
        error.__name__: Drawn(
            None if error is DulyError else error.__mro__[1].__name__,
            error.exit_code,
            error.__module__.removeprefix("streams.").replace(".", "/") + ".py",
        )
        for error in all_errors
    }


def test_no_two_errors_have_one_name(all_errors: list[type[DulyError]]) -> None:
    names = [error.__name__ for error in all_errors]
    assert len(names) == len(set(names))


def test_an_error_that_is_none_of_ours_is_an_internal_one() -> None:
    assert exit_code_of(RuntimeError("x")) == errors.EXIT_INTERNAL
    assert exit_code_of(errors.TopicMismatch("x")) == errors.EXIT_BROKER
