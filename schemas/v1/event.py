"""Pydantic model of events, as producers send them.

The worker decodes events with `schemas.wire.decode_event`, which accepts and refuses the same ones.
This model describes them, and builds them off the hot path.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field

from schemas.limits import DepMode, NodeType  # noqa: TC001 -- pydantic reads it
from schemas.v1.base import (
    Branch,
    Data,
    EventId,
    InstantNs,
    Meta,
    Name,
    RunId,
    WireModel,
    WireVersion,
)
from schemas.v1.definition import Condition, FlowOptions, Script  # noqa: TC001 -- pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping


def _decimal(ts: Any) -> Any:
    return int(ts) if isinstance(ts, str) and _is_decimal(ts) else ts


_is_decimal = re.compile("-?[0-9]{1,20}").fullmatch

# JavaScript has no 64-bit integers: its clients send timestamps as text.
DecimalNs = Annotated[str, Field(pattern="^[0-9]{18,19}$", description="The same, as text")]
Ts = Annotated[InstantNs, BeforeValidator(_decimal, json_schema_input_type=InstantNs | DecimalNs)]


def _only(pattern: str) -> BeforeValidator:
    """Return a validator that drops a value of another form: tracing ids never refuse an event."""
    is_good = re.compile(pattern).fullmatch
    return BeforeValidator(
        lambda given: given if isinstance(given, str) and is_good(given) else None
    )


_CORRELATION_ID = "[!-~]{1,128}"
_TRACEPARENT = "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"


class EventModel(WireModel):
    """One event. The record's key is `run_id` in UTF-8; the whole has at most 256 KiB.

    The fields from `type` to `additional_meta` teach the node's definition (R14, R17).
    """

    model_config = ConfigDict(title="Event")

    v: WireVersion = 1
    event_id: EventId = Field(description="A second event with the same id changes nothing (R2)")
    flow: Name
    node: Name
    run_id: RunId
    ts: Ts = Field(description="When it happened, by the producer's clock")
    data: Data = Field(default_factory=dict[str, Any])
    type: NodeType | None = None
    dep_ids: list[Name] | None = Field(None, description="Nodes that come before")
    dep_mode: DepMode | None = None
    filter: Script | bool | None = Field(
        None, description="A script, or the client's own answer for this event: false excludes it"
    )
    validator: Script | None = None
    conditions: list[Condition] | None = None
    required: bool | None = None
    branch: Branch | None = None
    exclusive: bool | None = None
    ends_run: bool | None = None
    description: str | None = None
    additional_meta: Meta | None = None
    options: FlowOptions | None = None
    correlation_id: Annotated[str | None, _only(_CORRELATION_ID)] = Field(
        None,
        description="The request that it comes of; 1 to 128 visible ASCII characters",
    )
    traceparent: Annotated[str | None, _only(_TRACEPARENT)] = Field(
        None, description="The span that it was recorded in, as W3C Trace Context has it"
    )
    stamped: Literal["flush"] | None = Field(
        None, description="`ts` was set when a batch was sent, not when the call was made (R25)"
    )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Read an event, ignoring what a newer client added anywhere in it.

        Raises:
            pydantic.ValidationError: has every invalid field.
        """
        return cls.model_validate(dict(content), extra="ignore")
