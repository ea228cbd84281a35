"""Questions about a flow's graph."""

from __future__ import annotations

from itertools import pairwise

import pytest

from streams.engine.definitions.graph import dependants, descendants, find_cycle, topological_order

DIAMOND = {"d": ("b", "c"), "b": ("a",), "c": ("a",), "a": ()}


def test_dependencies_stand_before_their_dependants():
    """Ties keep the order in which the nodes were stated."""
    assert topological_order(DIAMOND) == ["a", "b", "c", "d"]
    assert topological_order({"z": (), "y": (), "x": ()}) == ["z", "y", "x"]


def test_unknown_dependencies_do_not_matter():
    """An id that is no node is not in the graph."""
    assert topological_order({"b": ("a", "ghost"), "a": ()}) == ["a", "b"]
    assert dependants({"b": ("ghost",)}) == {"b": []}


def test_nodes_of_a_cycle_and_behind_it_have_no_place():
    """The order holds what can be ordered."""
    assert topological_order({"a": ("b",), "b": ("a",), "c": ("b",), "d": ()}) == ["d"]


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        (DIAMOND, []),
        ({"a": ("a",)}, ["a", "a"]),
        ({"a": ("b",), "b": ("a",)}, ["a", "b", "a"]),
        # A node that only hangs behind the cycle is not shown as a part of it.
        ({"x": ("a",), "a": ("c",), "b": ("a",), "c": ("b",)}, ["a", "b", "c", "a"]),
    ],
    ids=["none", "of one", "of two", "with a tail"],
)
def test_a_cycle_is_shown_along_its_edges(edges: dict[str, tuple[str, ...]], cycle: list[str]):
    """From dependency to dependant, and closed, as a person would draw it."""
    found = find_cycle(edges)
    assert len(found) == len(cycle)
    assert set(found) == set(cycle)
    for dep, node in pairwise(found):
        assert dep in edges[node]


def test_dependants_are_the_other_direction():
    """A dependency that is named twice is one edge."""
    assert dependants(DIAMOND) == {"d": [], "b": ["d"], "c": ["d"], "a": ["b", "c"]}
    assert dependants({"b": ("a", "a"), "a": ()}) == {"b": [], "a": ["b"]}


def test_descendants_are_all_that_follows():
    """Directly or through others, without the roots themselves."""
    assert descendants(DIAMOND, ["a"]) == {"b", "c", "d"}
    assert descendants(DIAMOND, ["b", "c"]) == {"d"}
    assert descendants(DIAMOND, ["d"]) == set()
