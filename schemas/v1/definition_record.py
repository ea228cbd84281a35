"""Values of the definitions topic: published flows, learned nodes, versions in use."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import orjson
from pydantic import Field, RootModel, ValidationError

from schemas.errors import DefinitionProblem, InvalidDefinition
from schemas.json_types import is_object
from schemas.renamed import rename_record
from schemas.v1.base import InstantNs, Name, Version, WireModel, WireVersion
from schemas.v1.definition import KNOWN_KEYS, FlowOptions, LearnedNodeDefinition, NodeDefinition
from schemas.v1.pydantic_errors import invalid_definition


class PublishedRecord(WireModel):
    """A definition that an operator published, under the keys `flow@version` and `flow`."""

    v: WireVersion = 1
    kind: Literal["published"]
    flow: Name
    version: Version
    options: FlowOptions = FlowOptions()
    nodes: list[NodeDefinition] = Field(min_length=1)


class LearnedRecord(WireModel):
    """A node and flow options as learned from events, under the key `flow/node`."""

    v: WireVersion = 1
    kind: Literal["learned"]
    flow: Name
    node: LearnedNodeDefinition
    options: FlowOptions = FlowOptions()
    since_ns: InstantNs | None = Field(
        None, description="Of a lesson that is said again: from when on it counts"
    )


class SnapshotRecord(WireModel):
    """The merged definition to which runs are pinned, under the key `flow@version`."""

    v: WireVersion = 1
    kind: Literal["snapshot"]
    flow: Name
    version: Version
    options: FlowOptions = FlowOptions()
    nodes: list[NodeDefinition] = Field(default_factory=list[NodeDefinition])
    learned_options: FlowOptions = FlowOptions()
    learned_nodes: list[LearnedNodeDefinition] = Field(default_factory=list[LearnedNodeDefinition])


AnyRecord = PublishedRecord | LearnedRecord | SnapshotRecord


class DefinitionRecord(RootModel[Annotated[AnyRecord, Field(discriminator="kind")]]):
    """One value of the definitions topic, of one of three kinds."""

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """Read a value, ignoring what a newer writer added anywhere in it.

        Raises:
            InvalidDefinition: has every problem, with its place.
        """
        try:
            content = orjson.loads(value)
            record = rename_record(content) if is_object(content) else content
            return cls.model_validate(record, extra="ignore")
        except orjson.JSONDecodeError as error:
            raise InvalidDefinition([DefinitionProblem("", None, f"not JSON: {error}")]) from error
        except ValidationError as error:
            raise invalid_definition(error, None, KNOWN_KEYS) from error
