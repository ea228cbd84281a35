"""Verdicts: the status of one run, with its reasons (R12, R15)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.v1.base import EventId, InstantNs, Name, RunId, Version, WireModel, WireVersion

RunStatus = Literal["passed", "failed", "incomplete"]
Trigger = Literal["event", "deadline", "window", "definition"]
NodeStatus = Literal[
    "passed", "failed", "waiting", "pending", "missing", "unreached", "skipped", "excluded"
]
CauseKind = Literal[
    "validator",
    "validator_error",
    "filter_error",
    "dependency",
    "order",
    "late",
    "timeout",
    "branch",
    "unknown_node",
    "too_many_events",
    "too_large",
    "definition",
]

VerdictId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Source(WireModel):
    """The record of the events topic at which the verdict was decided."""

    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class NodeReading(WireModel):
    """The status of one node in the run."""

    node: Name
    status: NodeStatus
    event_ids: list[EventId] = Field(description="Its events, excluded ones too")
    upstream_event_ids: list[EventId] = Field(description="Counted events of its dependencies")
    latency_ms: float | None = Field(
        None, description="From the dependency that came last to its first event"
    )
    deadline_ns: InstantNs | None = Field(None, description="When its event is, or was, owed")


class Cause(WireModel):
    """One reason for a failure; a run has at most one for each node and kind (R15)."""

    node: Name
    kind: CauseKind
    message: str = Field(description="A sentence that a person on call understands")
    expected: str | None = None
    observed: str | None = None
    event_ids: list[EventId] = Field(default_factory=list[str])
    deadline: InstantNs | None = Field(None, description="The instant that made it a failure")


class Verdict(WireModel):
    """The engine's statement on one run. Of several, the one with the highest revision holds.

    `verdict_id` is a function of flow, run_id, opened_at_ns and revision (R16): a reader that drops
    ids it knows sees each verdict once.
    """

    v: WireVersion = 1
    verdict_id: VerdictId
    flow: Name
    run_id: RunId
    revision: int = Field(ge=1)
    supersedes: VerdictId | None = Field(None, description="The verdict that this one replaces")
    status: RunStatus
    previous_status: RunStatus | None = None
    trigger: Trigger = Field(description="What decided it")
    opened_at_ns: InstantNs
    decided_at_ns: InstantNs = Field(description="In stream time (R13)")
    window_closed: bool = Field(description="Whether the run's window is closed")
    definition_version: Version
    learned: bool = Field(description="Whether nodes learned from events took part (R17)")
    reopened: bool = Field(description="Whether it judges a run that was forgotten (R21)")
    script_limit: bool = Field(description="Whether it rests on a limit of the sandbox (R6)")
    source: Source
    nodes: list[NodeReading]
    causes: list[Cause]
