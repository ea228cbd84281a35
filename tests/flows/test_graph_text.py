from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.flows.graph_text import draw, in_ascii

if TYPE_CHECKING:
    from streams.engine.definitions.graph import Edges

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def labels(edges: Edges) -> dict[str, str]:
    return {node: node for node in edges}


def drawing(edges: Edges) -> str:
    return "\n".join(draw(edges, labels(edges)))


@st.composite
def graphs(draw_from: st.DrawFn) -> dict[str, list[str]]:
    size = draw_from(st.integers(0, 9))
    nodes = [f"n{number}" for number in range(size)]
    edges = {
        node: draw_from(st.lists(st.sampled_from(nodes[:place]), unique=True)) if place else []
        for place, node in enumerate(nodes)
    }
    return {node: edges[node] for node in draw_from(st.permutations(nodes))}


def read_back(lines: list[str]) -> dict[str, set[str]]:
    """Return node → what it depends on, by following the lanes of a drawing as a reader does."""
    flowing: dict[int, set[str]] = {}
    found: dict[str, set[str]] = {}
    for line in lines:
        cells, _, node = line.partition("  n")
        lanes = {at // 2: sign for at, sign in enumerate(cells) if at % 2 == 0 and sign != " "}
        flowing = {lane: flowing[lane] for lane in flowing if lane in lanes}
        origin = next((lane for lane, sign in lanes.items() if sign == "├"), None)
        for lane, sign in lanes.items():
            if sign == "●":
                found[f"n{node.strip()}"] = flowing.get(lane, set())
                flowing[lane] = {f"n{node.strip()}"}
            elif origin is not None and sign in "┬╮":
                flowing[lane] = flowing[origin]
            elif origin is not None and sign in "┴╯":
                flowing[origin] = flowing[origin] | flowing.pop(lane)
    return found


@given(graphs())
def test_the_lanes_of_a_drawing_say_what_depends_on_what(edges: dict[str, list[str]]) -> None:
    lines = draw(edges, labels(edges))
    assert read_back(lines) == {node: set(deps) for node, deps in edges.items()}


@given(graphs())
def test_each_node_stands_below_what_it_depends_on(edges: dict[str, list[str]]) -> None:
    lines = draw(edges, labels(edges))
    place = {line.split()[-1]: at for at, line in enumerate(lines) if "●" in line}
    assert set(place) == set(edges)
    assert all(place[dep] < place[node] for node, deps in edges.items() for dep in deps)


@pytest.mark.parametrize(
    ("edges", "picture"),
    [
        ({}, ""),
        ({"a": [], "b": ["a"]}, "●  a\n●  b"),
        ({"a": [], "b": []}, "●  a\n\n●  b"),
        (DIAMOND, "●    a\n├─╮\n● │  b\n│ ●  c\n├─╯\n●    d"),
        ({"a": ["gone"]}, "●  a"),
    ],
)
def test_small_pictures(edges: dict[str, list[str]], picture: str) -> None:
    assert drawing(edges) == picture


def test_the_picture_in_ascii() -> None:
    assert in_ascii(drawing(DIAMOND)) == "*    a\n+-+\n* |  b\n| *  c\n+-+\n*    d"
