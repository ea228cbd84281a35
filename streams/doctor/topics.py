"""Check of the topics on the broker against their registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.doctor.findings import Finding
from streams.engine.text import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.kafka.topic_plan import PlannedTopic


def check_topics(planned: Sequence[PlannedTopic]) -> list[Finding]:
    """Return what differs from a new topic."""
    right = sum(topic.action == "keep" and not topic.differences for topic in planned)
    findings = [finding for topic in planned for finding in _findings(topic)]
    if right:
        findings.insert(0, Finding("topics", "ok", f"{count_of(right, 'topic')} as they should be"))
    return findings


def _findings(topic: PlannedTopic) -> Iterator[Finding]:
    if topic.action == "create":
        advice = "the first worker creates it, or `duly topics apply`"
        yield Finding("topics", "warning", f"{topic.topic} does not exist: {advice}")
    elif topic.reason is not None:
        yield Finding("topics", "failure", topic.reason)
    elif topic.differences:
        told = ", ".join(
            f"{setting} is {found}, a new one would have {wanted}"
            for setting, wanted, found in topic.differences
        )
        yield Finding("topics", "warning", f"{topic.topic}: {told}")
