from __future__ import annotations

from typing import Any

import pytest

from streams.engine.definitions.definition import Definition
from streams.flows.contradictions import contradictions

SCRIPT = {"engine": "python", "script": "True"}


def found_in(definition: Definition) -> list[tuple[str, str]]:
    return [(one.level, f"{one.place}: {one.message}") for one in contradictions(definition)]


def flow(
    published: list[dict[str, Any]], taught: list[dict[str, Any]], **options: Any
) -> Definition:
    return Definition(
        "f", published=published, learned=taught, options=options, learned_options={"window_ms": 5}
    )


@pytest.mark.parametrize(
    ("published", "taught", "found"),
    [
        ({}, {}, []),
        ({"dep_ids": ["a"]}, {"dep_ids": ["a"]}, []),
        (
            {"dep_ids": ["a"]},
            {"dep_ids": []},
            [("warning", "f/b: dep_ids is a in YAML, which wins; events teach none")],
        ),
        ({"conditions": [{"timeout_ms": 5}]}, {"conditions": [{}, {"timeout_ms": 5}]}, []),
        (
            {"conditions": [{"timeout_ms": 5}]},
            {"conditions": [{"timeout_ms": 6000}]},
            [("warning", "f/b: timeout is 5 ms in YAML, which wins; events teach 6 s")],
        ),
        (
            {},
            {"required": False},
            [("note", "f/b: required is false by events alone, YAML says nothing")],
        ),
        (
            {"validator": SCRIPT},
            {"validator": SCRIPT | {"script": "False"}},
            [
                (
                    "warning",
                    "f/b: validator is python: True in YAML, which wins; events teach python: False",
                )
            ],
        ),
        ({"type": "act", "description": "x"}, {"type": "assert", "description": "y"}, []),
    ],
)
def test_a_field_that_events_teach_otherwise_is_told(
    published: dict[str, Any], taught: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    definition = flow([{"id": "a"}, {"id": "b", **published}], [{"id": "b", **taught}], window_ms=5)
    assert found_in(definition) == found


def test_options_are_compared_as_fields_are() -> None:
    told = found_in(flow([{"id": "a"}], [], window_ms=6))
    assert told == [("warning", "f: window_ms is 6 ms in YAML, which wins; events teach 5 ms")]


@pytest.mark.parametrize(
    ("closed", "found"),
    [
        (False, ("note", "f/b: comes from events alone: judged when it comes, owed by no run")),
        (
            True,
            (
                "warning",
                "f/b: events bring it, and fail: the flow is closed, YAML does not list it",
            ),
        ),
    ],
)
def test_a_node_that_only_events_know_is_told(closed: bool, found: tuple[str, str]) -> None:
    definition = flow([{"id": "a"}], [{"id": "b"}], closed=closed, window_ms=5)
    assert found_in(definition) == [found]


def test_lessons_that_are_wrong_by_themselves_are_told() -> None:
    definition = Definition(
        "f", learned=[{"id": "a", "dep_ids": ["b"]}, {"id": "b", "dep_ids": ["a", "c"]}]
    )
    told = found_in(definition)
    assert [level for level, _ in told] == ["warning", "warning"]
    assert "f/a: what events teach is wrong: its dependencies form a cycle: a → b → a" in told[0][1]
    definition = Definition("f", learned=[{"id": "a", "dep_ids": ["c"]}])
    assert found_in(definition) == [
        ("warning", "f/a: depends on 'c', which nobody has defined or sent")
    ]
