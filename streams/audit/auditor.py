"""Runs the audit, partition by partition: read, judge anew, compare."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from streams.audit.findings import Findings
from streams.audit.partition import PartitionAudit
from streams.audit.recomputation import Recomputation
from streams.flows.history import read_history
from streams.kafka.log_spans import co_partitions, span_of
from streams.kafka.topic_reader import open_reader
from streams.scripts.offline import offline_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.settings.worker import WorkerSettings

PATIENCE_S = 10.0


async def audit(
    settings: WorkerSettings,
    *,
    patience_s: float = PATIENCE_S,
    since_ms: int | None = None,
    until_ms: int | None = None,
    on_verdicts: Callable[[Sequence[bytes]], None] = lambda _: None,
) -> Findings:
    """Compare the written verdicts with those that the log implies, as it stands when the audit begins.

    One partition at a time is in memory, with all its verdicts.

    Args:
        settings: those of the workers: the broker, the prefix, the defaults of flow options.
        patience_s: how long to wait for verdicts that are not written yet.
        since_ms: leaves out events recorded earlier, and the runs that began by them.
        until_ms: leaves out events recorded then or later.
        on_verdicts: called with the verdicts of each partition that the log implies, in its order.

    Raises:
        BrokerUnavailable: the broker cannot be reached.
        NoTopic: a topic does not exist.
        IncompleteRead: a topic cannot be read to its end.
    """
    deadline = time.monotonic() + patience_s
    async with offline_sandbox() as sandbox, open_reader(settings) as reader:
        places = await co_partitions(settings)
        findings = Findings(places[0].events.topic)
        spans = [await span_of(reader, place, since_ms, until_ms) for place in places]
        history = await read_history(reader, settings)
        definitions, notes = history.definitions(settings.flow_options)
        findings.notes += notes
        for place, span in zip(places, spans, strict=True):
            recomputation = Recomputation(place.events, len(places), definitions, sandbox.evaluate)
            partition = PartitionAudit(reader, place, span)
            await partition.imply(recomputation)
            await partition.collect(deadline)
            findings.add(*partition.compare())
            on_verdicts(partition.compared)
        return findings
