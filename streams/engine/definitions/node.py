"""A node of a flow: the fields that a definition states, and its place in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from schemas.canonical import FIRST_NODE_FIELDS

Given = Mapping[str, Any]
"""Fields of a node or of the options as stated; those not stated are absent."""

ENGINES: Final = ("python", "cel", "js")

NODE_DEFAULTS: Final[dict[str, Any]] = {**FIRST_NODE_FIELDS}
"""Defaults of the fields of a node: those of the first release, and of all that came later."""


class NodeScript(NamedTuple):
    """A script of a node: its language and source."""

    engine: str
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A step of a flow, with its place in the graph."""

    id: str
    given: Given
    deps: tuple[str, ...] = ()
    any_dep: bool = False
    filter: NodeScript | None = None
    validator: NodeScript | None = None
    timeout_ns: int = 0
    required: bool = True
    branch: str | None = None
    ends_run: bool = False
    trigger: bool = False
    learned: bool = False
    triggered: bool = False
    """True if it depends on a trigger (R24)."""
    rank: int = 0
    """Place in topological order: a node's dependencies have lower ranks."""
    dependants: tuple[str, ...] = ()

    @property
    def scripted(self) -> bool:
        """True if its judgement depends on the content of its dependencies' events."""
        return self.filter is not None or self.validator is not None


def timeout_sizes(given: Given) -> set[int]:
    """Return the different timeouts in `conditions`, in milliseconds; 0 is none."""
    return {
        int(condition.get("timeout_ms") or 0) for condition in given.get("conditions") or ()
    } - {0}
