"""The content that a version is a hash of: an upgrade of Duly moves no version."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.canonical import FIRST_OPTIONS, canonical_node, canonical_options
from schemas.ids import definition_version
from schemas.v1.definition import FlowDefinition, FlowOptions, NodeDefinition
from streams.engine.definitions.definition import Definition, published_version

CHECKOUT: dict[str, Any] = {
    "flow": "checkout",
    "nodes": [{"id": "cart"}, {"id": "pay", "dep_ids": ["cart"], "conditions": [{}]}],
}
STATED: dict[str, Any] = {
    **CHECKOUT,
    "options": {"window_ms": 60_000, "forget_after_ms": 7_000, "closed": True},
}


class LaterOptions(FlowOptions):
    """The flow options of a release that added one."""

    made_up_ms: int = 5


class LaterNode(NodeDefinition):
    """A node of a release that added a field."""

    made_up: bool = True


class LaterFlow(FlowDefinition):
    """A flow of a release that added an option and a field of a node."""

    options: LaterOptions = LaterOptions()  # pyright: ignore[reportIncompatibleVariableOverride] -- narrower, and frozen
    nodes: list[LaterNode]  # pyright: ignore[reportIncompatibleVariableOverride] -- the same


def version_of(model: type[FlowDefinition], content: dict[str, Any]) -> str:
    """The version that a release gives to a definition."""
    return definition_version(model.parse(content).canonical())


@pytest.mark.parametrize(
    ("content", "version"),
    [(CHECKOUT, "9b78858da09dd415"), (STATED, "571de56b8f8cbd6a")],
    ids=["defaults", "stated"],
)
def test_versions_are_those_of_the_first_release(content: dict[str, Any], version: str):
    """`forget_after_ms` is hashed under this name, whatever an older record called it."""
    assert published_version(content) == version
    assert version_of(FlowDefinition, content) == version


@pytest.mark.parametrize("content", [CHECKOUT, STATED], ids=["defaults", "stated"])
def test_what_a_later_release_adds_moves_no_version(content: dict[str, Any]):
    """It enters the hash only where a definition states it, also as what it would be by default."""
    before = version_of(FlowDefinition, content)
    assert version_of(LaterFlow, content) == before
    option = {**content, "options": {**content.get("options", {}), "made_up_ms": 5}}
    field = {**content, "nodes": [{"id": "cart", "made_up": True}, *content["nodes"][1:]]}
    assert len({before, version_of(LaterFlow, option), version_of(LaterFlow, field)}) == 3


def test_a_later_option_or_field_moves_no_version_that_the_engine_gives():
    """Of what is published and of what is learned."""

    def version(learned: dict[str, Any], **options: Any) -> str:
        nodes = CHECKOUT["nodes"]
        return Definition("checkout", published=nodes, learned=[learned], **options).version

    ship, later = {"id": "ship"}, {"made_up_ms": 5}
    before = version(ship)
    assert version(ship, options={"made_up_ms": None}) == before
    others = {
        version(ship, options=later),
        version(ship, learned_options=later),
        version({**ship, "made_up": True}),
    }
    assert len({before, *others}) == 4


def test_the_defaults_of_the_first_release_are_frozen():
    """Whoever changes a line here moves the versions of all that is published: add nothing, change nothing."""
    assert FIRST_OPTIONS == {
        "window_ms": 900_000,
        "max_open_ms": 604_800_000,
        "settle_ms": 5_000,
        "grace_ms": 1_000,
        "clock_tolerance_ms": 2_000,
        "forget_after_ms": 3_600_000,
        "closed": False,
        "max_events_per_run": 1_000,
    }
    assert canonical_options({}) == FIRST_OPTIONS
    assert canonical_node({"id": "a"}) == {
        "id": "a",
        "type": "generic",
        "dep_ids": [],
        "dep_mode": "all",
        "filter": None,
        "validator": None,
        "conditions": [],
        "required": True,
        "branch": None,
        "exclusive": False,
        "ends_run": False,
        "description": None,
        "additional_meta": None,
    }
    assert canonical_node({"id": "a", "conditions": [{}]})["conditions"] == [{"timeout_ms": 0}]
