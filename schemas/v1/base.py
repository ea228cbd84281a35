"""Base model and field types of the wire format: strict types, frozen values, null as left out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from schemas.json_types import is_deeper_than, is_object
from schemas.limits import (
    EARLIEST_TS_NS,
    LATEST_TS_NS,
    MAX_BRANCH_CHARS,
    MAX_DATA_DEPTH,
    MAX_DURATION_MS,
    MAX_EVENT_ID_CHARS,
    MAX_META_DEPTH,
    MAX_RUN_ID_BYTES,
    NAME_PATTERN,
)


class WireModel(BaseModel):
    """A JSON object on a topic. Unknown fields are ignored: a newer writer may have added them."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, given: Any) -> Any:
        if not is_object(given):
            return given
        return {name: value for name, value in given.items() if value is not None}


def _no_look_alike(version: Any) -> Any:
    # In Python 1.0 and True equal 1; in JSON they do not.
    if type(version) is not int:
        raise ValueError("must be an integer")
    return version


def _fits_a_key(run_id: str) -> str:
    if len(run_id.encode()) > MAX_RUN_ID_BYTES:
        raise ValueError(f"must have at most {MAX_RUN_ID_BYTES} bytes in UTF-8")
    return run_id


def _nested_within(levels: int) -> AfterValidator:
    def check(content: dict[str, Any]) -> dict[str, Any]:
        if is_deeper_than(content, levels):
            raise ValueError(f"must be nested at most {levels} levels deep")
        return content

    return AfterValidator(check)


WireVersion = Annotated[
    Literal[1],
    BeforeValidator(_no_look_alike),
    Field(description="The version of the wire"),
]
Name = Annotated[
    str,
    Field(pattern=f"^{NAME_PATTERN}$", description="A flow or node id: A-Z a-z 0-9 . _ -"),
]
EventId = Annotated[str, Field(min_length=1, max_length=MAX_EVENT_ID_CHARS)]
RunId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_RUN_ID_BYTES,
        pattern=r"^[^\x00]+$",
        description="At most 256 bytes in UTF-8, without NUL",
    ),
    AfterValidator(_fits_a_key),
]
Branch = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_BRANCH_CHARS,
        description="Nodes with the same label are alternatives (R23)",
    ),
]
Version = Annotated[
    str,
    Field(pattern="^[0-9a-f]{16}$", description="A definition's version, a hash of its content"),
]
InstantNs = Annotated[
    int,
    Field(ge=EARLIEST_TS_NS, le=LATEST_TS_NS, description="Nanoseconds since 1970, UTC"),
]
DurationMs = Annotated[int, Field(ge=0, le=MAX_DURATION_MS, description="Milliseconds")]
Data = Annotated[dict[str, JsonValue], _nested_within(MAX_DATA_DEPTH)]
Meta = Annotated[dict[str, JsonValue], _nested_within(MAX_META_DEPTH)]
