"""Flow definitions as operators write them; `definition_record` has the values of the topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import ConfigDict, Field, ValidationError

from schemas.canonical import canonical_node, canonical_options
from schemas.limits import OPTION_RANGES, DepMode, NodeType
from schemas.v1.base import Branch, DurationMs, Meta, Name, WireModel
from schemas.v1.pydantic_errors import invalid_definition

if TYPE_CHECKING:
    from collections.abc import Mapping


class Authored(WireModel):
    """Base of what people write by hand: an unknown key is a typing error, and refused.

    Readers of a topic validate with `extra="ignore"`: there, it comes from a newer writer.
    """

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """Return the fields that were given, without defaults."""
        return self.model_dump(exclude_unset=True)


class Script(Authored):
    """A filter or a validator, in the language of a script engine."""

    engine: str = Field(description="python, cel or js; whether a worker has it is checked there")
    script: str


class Condition(Authored):
    """A condition on a node."""

    timeout_ms: DurationMs = Field(0, description="0 is none")


def _option(name: str, description: str) -> Any:
    default, least, most = OPTION_RANGES[name]
    return Field(default, ge=least, le=most, description=description)


class FlowOptions(Authored):
    """Options of a flow; durations in milliseconds."""

    window_ms: int = _option("window_ms", "Without a new event for this long, it closes (R11)")
    max_open_ms: int = _option("max_open_ms", "No run is open for longer (R11)")
    settle_ms: int = _option("settle_ms", "A run that grew its own flow passes after this (R14)")
    grace_ms: int = _option("grace_ms", "How long an event waits for its dependencies (R7, R10)")
    clock_tolerance_ms: int = _option(
        "clock_tolerance_ms", "How far the clocks of producers may disagree on an order (R8)"
    )
    forget_after_ms: int = _option(
        "forget_after_ms", "A closed run is remembered for this long (R21)"
    )
    closed: bool = Field(default=False, description="Only nodes of this definition may come (R19)")
    max_events_per_run: int = _option("max_events_per_run", "What exceeds it is refused (R20)")


class NodeDefinition(Authored):
    """One node: what must happen, after what, how soon, and what its data must satisfy."""

    id: Name
    type: NodeType = "generic"
    dep_ids: list[Name] = Field(default_factory=list[str], description="Nodes that come before")
    dep_mode: DepMode = Field("all", description="Whether all of them are needed or any (R7)")
    filter: Script | None = Field(None, description="An event that it denies does not count (R4)")
    validator: Script | None = Field(None, description="Must say true of each event (R6)")
    conditions: list[Condition] = Field(
        default_factory=list[Condition], description="How soon it must follow (R9, R10)"
    )
    required: bool = Field(default=True, description="If false, it may be skipped (R11)")
    branch: Branch | None = None
    exclusive: bool = Field(default=False, description="Two nodes of its branch fail a run (R23)")
    ends_run: bool = Field(default=False, description="Its event ends what is owed (R26)")
    description: str | None = None
    additional_meta: Meta | None = None


class LearnedNodeDefinition(NodeDefinition):
    """A node as the fields of events taught it."""


class FlowDefinition(Authored):
    """A flow: its options and nodes. Whether they make a graph is the engine's to check (R18)."""

    flow: Name
    options: FlowOptions = FlowOptions()
    nodes: list[NodeDefinition] = Field(min_length=1)

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Read and check a definition.

        Raises:
            InvalidDefinition: has every problem, with its place and its node.
        """
        try:
            return cls.model_validate(dict(content))
        except ValidationError as error:
            raise invalid_definition(error, content, KNOWN_KEYS) from error

    def canonical(self) -> dict[str, Any]:
        """Return the content that its version is a hash of (R17)."""
        given = self.given()
        return {
            "flow": self.flow,
            "options": canonical_options(given.get("options", {})),
            "nodes": [canonical_node(node) for node in given["nodes"]],
        }


KNOWN_KEYS = {
    "": FlowDefinition.model_fields,
    "options": FlowOptions.model_fields,
    "nodes": NodeDefinition.model_fields,
    "filter": Script.model_fields,
    "validator": Script.model_fields,
    "conditions": Condition.model_fields,
}
"""Known keys of each object in a definition, by the key of the object."""
