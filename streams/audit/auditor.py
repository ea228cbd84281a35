"""The audit from end to end: read, judge anew, compare, partition by partition."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.audit.findings import Findings
from streams.audit.history import read_history
from streams.audit.logs import open_logs
from streams.audit.partition import PartitionAudit
from streams.audit.recomputation import Recomputation
from streams.audit.spans import places_of, span_of
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from streams.scripts.sandbox import Sandbox
    from streams.settings.worker import WorkerSettings

PATIENCE_S = 10.0
ROOMY = Limits(call_ms=2_000, program_ms=120_000, batch_ms=240_000, strikes=1_000_000)
"""Limits that no script meets only because the audit is in a hurry or the machine is busy."""


async def audit(
    settings: WorkerSettings,
    *,
    patience_s: float = PATIENCE_S,
    since_ms: int | None = None,
    until_ms: int | None = None,
    on_verdicts: Callable[[Sequence[bytes]], None] = lambda _: None,
) -> Findings:
    """Compare what was said with what the log implies, as it stands when the audit begins.

    One partition at a time is in memory, with all its verdicts.

    Args:
        settings: those of the workers: the broker, the prefix, the defaults of flow options.
        patience_s: how long to wait for verdicts that may still be on their way.
        since_ms: leaves out events recorded earlier, and the runs that began by them.
        until_ms: leaves out events recorded then or later.
        on_verdicts: takes the verdicts of one partition, as the log implies them, in its order.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or a topic is not there.
        IncompleteRead: what it holds could not be read whole.
    """
    deadline = time.monotonic() + patience_s
    async with roomy_sandbox() as sandbox, open_logs(settings) as logs:
        places = await places_of(logs)
        findings = Findings(places[0].events.topic)
        spans = [await span_of(logs, place, since_ms, until_ms) for place in places]
        definitions, notes = (await read_history(logs)).definitions(settings.flow_options)
        findings.notes += notes
        for place, span in zip(places, spans, strict=True):
            recomputation = Recomputation(place.events, len(places), definitions, sandbox.evaluate)
            partition = PartitionAudit(logs, place, span)
            await partition.imply(recomputation)
            await partition.collect(deadline)
            findings.add(*partition.compare())
            on_verdicts(partition.compared)
        return findings


@asynccontextmanager
async def roomy_sandbox() -> AsyncGenerator[Sandbox]:
    """Run a sandbox that has time enough for every script."""
    sandbox = create_sandbox(ROOMY)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()
