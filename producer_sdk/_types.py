"""Public types: arguments and results of the SDK's functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypeAlias, TypedDict

if TYPE_CHECKING:
    import os

    from _typeshed import DataclassInstance

    from producer_sdk._redaction import Redact, Redaction


class Dependency(TypedDict):
    """One event of a direct dependency, as a script sees it in `ctx["deps"]`."""

    flow: str
    id: str
    data: dict[str, Any]


class Context(TypedDict):
    """The second argument of a script: the events before the one that is judged.

    `deps` holds the counted events of the direct dependencies. `data` is present with exactly one
    entry in `dep_ids`: the data of the latest of its events that came before this one.
    """

    deps: list[Dependency]
    data: NotRequired[dict[str, Any]]


Script: TypeAlias = Callable[[dict[str, Any], Context], bool]
"""A validator or filter, `(data, ctx) -> bool`; sent as source and run in the worker's sandbox."""


class Model(Protocol):
    """A pydantic model, or an object with the same method."""

    def model_dump(self) -> dict[str, Any]:
        """Return its fields."""
        ...


Data: TypeAlias = "Mapping[str, Any] | DataclassInstance | Model"
"""The data of an event: a mapping, a dataclass or a model."""

RunId: TypeAlias = str | Callable[[], str]
"""Which execution of the flow; a function without arguments is called at once, by the caller."""


@dataclass(frozen=True, slots=True)
class NodeCondition:
    """A deadline of a node.

    Attributes:
        timeout_ms: milliseconds from the latest dependency to the deadline; 0 is no deadline.
    """

    timeout_ms: int


class FlowOptions(TypedDict, total=False):
    """Options of a flow, which an event may carry; docs/concepts.md explains each."""

    window_ms: int
    max_open_ms: int
    settle_ms: int
    grace_ms: int
    clock_tolerance_ms: int
    forget_after_ms: int
    max_events_per_run: int
    closed: bool


class NodeFields(TypedDict, total=False):
    """The definition of a node, as part of a call; None is the same as left out.

    Attributes:
        filter: `False` excludes this event, `True` counts it; a function is run by the worker.
        dep_ids: nodes that come before this one, or a function that returns them.
        dep_mode: whether all of `dep_ids` are needed, or any one.
        validator: the rule for the event's data, a function run by the worker.
        conditions: deadlines, or a function that returns them.
        required: whether a run without this node is incomplete.
        branch: a label that alternatives share; an event of one excuses the others.
        exclusive: whether events of two alternatives fail the run.
        ends_run: whether an event of this node ends the run: nothing is owed after it.
        description: a sentence for people.
        additional_meta: any further JSON object; shown, not judged.
        options: options of the whole flow.
    """

    filter: bool | Script | None
    dep_ids: Sequence[str] | Callable[[], Sequence[str]] | None
    dep_mode: Literal["all", "any"] | None
    validator: Script | None
    conditions: Sequence[NodeCondition] | Callable[[], Sequence[NodeCondition]] | None
    required: bool | None
    branch: str | None
    exclusive: bool | None
    ends_run: bool | None
    description: str | None
    additional_meta: Mapping[str, Any] | None
    options: FlowOptions | None


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of the calls and events of this process since it started or was forked.

    Every event that a call recorded, or that was found in the spool, is waiting, delivered, left in
    the spool or in one of the `dropped_` counts.

    Attributes:
        recorded: events accepted by the queue, those found in the spool included.
        delivered: events acknowledged by the broker or the HTTP server.
        waiting: events in the queue, in the spool or in flight.
        found_in_spool: events that earlier processes left in the spool.
        dropped_queue_full: oldest events, dropped because the queue was full.
        dropped_too_big: events that the broker or server refused because of their size.
        dropped_refused: events that the HTTP server refused as invalid.
        dropped_excluded: events with `filter=False`, which the HTTP API cannot express.
        dropped_at_shutdown: events not delivered within the timeout of `shutdown`.
        dropped_spool_full: oldest events, dropped because the spool was full.
        dropped_unreadable: lines of the spool that are not events, such as the last one after a crash.
        left_in_spool: events not delivered at `shutdown`, left in the spool for the next process.
        refused_invalid: calls without a usable flow, id or run_id.
        refused_too_big: calls whose event would be larger than 256 KiB.
        ignored_not_initialized: calls before `initialize`, after `shutdown` or without a broker.
        ignored_disabled: calls while `DULY_DISABLED` is set.
        fields_left_out: fields that could not be used and were left out of their event.
        values_made_strings: values in `data` or `additional_meta` that JSON cannot express, sent as text.
        scripts_not_sent: events whose validator or filter could not be sent as source.
        internal_errors: defects of the SDK itself, caught.
    """

    recorded: int = 0
    delivered: int = 0
    waiting: int = 0
    found_in_spool: int = 0
    dropped_queue_full: int = 0
    dropped_too_big: int = 0
    dropped_refused: int = 0
    dropped_excluded: int = 0
    dropped_at_shutdown: int = 0
    dropped_spool_full: int = 0
    dropped_unreadable: int = 0
    left_in_spool: int = 0
    refused_invalid: int = 0
    refused_too_big: int = 0
    ignored_not_initialized: int = 0
    ignored_disabled: int = 0
    fields_left_out: int = 0
    values_made_strings: int = 0
    scripts_not_sent: int = 0
    internal_errors: int = 0


class Settings(TypedDict, total=False):
    """Settings of `initialize`; None is the same as left out. docs/sdk.md describes each."""

    url: str | None
    api_key: str | None
    batch_size: int | None
    batch_interval: float | None
    max_queue_size: int | None
    topic_prefix: str | None
    disabled: bool | None
    client_id: str | None
    linger_ms: int | None
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] | None
    max_queue_events: int | None
    max_queue_bytes: int | None
    spool_dir: str | os.PathLike[str] | None
    spool_max_bytes: int | None
    exit_timeout_ms: int | None
    idempotence: bool | None
    ssl_ca: str | os.PathLike[str] | None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None
    sasl_username: str | None
    sasl_password: str | None
    sasl_allow_plaintext: bool | None
    redact: bool | Redaction | Redact | None
