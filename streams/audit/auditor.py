"""The audit from end to end: read, judge anew, compare, partition by partition."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from aiokafka import TopicPartition  # noqa: TC002 -- a NamedTuple reads it

from schemas.topics import DEAD_LETTERS, EVENTS, VERDICTS
from streams.audit.comparison import compare_dead_letters, compare_verdicts, left_out
from streams.audit.findings import Findings, PartitionFindings
from streams.audit.history import read_history
from streams.audit.logs import open_logs
from streams.audit.recomputation import NS_PER_MS, Implied, Recomputation
from streams.audit.stated import StatedDeadLetters, StatedVerdicts
from streams.errors import TopicMismatch
from streams.validators.limits import Limits
from streams.validators.sandbox import create_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, KeysView
    from collections.abc import Set as AbstractSet

    from streams.audit.findings import Fault
    from streams.audit.logs import Logs
    from streams.settings import Settings

PATIENCE_S = 10.0
ROOMY = Limits(call_ms=2_000, program_ms=120_000, batch_ms=240_000, strikes=1_000_000)
"""Limits that no script meets only because the audit is in a hurry or the machine is busy."""


class Stated(Protocol):
    """What collects the records of one partition by identity."""

    def take(self, batch: Iterable[Any]) -> None:
        """Take in records."""
        ...

    def known(self) -> KeysView[Any]:
        """Return the identities that were seen."""
        ...


async def audit(settings: Settings, *, patience_s: float = PATIENCE_S) -> Findings:
    """Compare what was said with what the log implies, as it stands when the audit begins.

    One partition at a time is in memory, with all its verdicts.

    Args:
        settings: those of the workers: the broker, the prefix, the defaults of flow options.
        patience_s: how long to wait for verdicts that may still be on their way.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or a topic is not there.
    """
    deadline = time.monotonic() + patience_s
    sandbox = create_sandbox(ROOMY)
    await sandbox.start()
    try:
        async with open_logs(settings) as logs:
            places = await _places(logs)
            findings = Findings(places[0].events.topic)
            ends = [await logs.ends(place.events) for place in places]
            definitions, notes = (await read_history(logs)).definitions(settings.flow_options)
            findings.notes += notes
            for place, end in zip(places, ends, strict=True):
                recomputation = Recomputation(
                    place.events, len(places), definitions, sandbox.evaluate
                )
                partition = _PartitionAudit(logs, place, end)
                await partition.imply(recomputation)
                await partition.collect(deadline)
                findings.add(*partition.compare())
            return findings
    finally:
        await sandbox.stop()


class _Place(NamedTuple):
    """One partition number, in the three topics that share it."""

    events: TopicPartition
    verdicts: TopicPartition
    dead_letters: TopicPartition


async def _places(logs: Logs) -> list[_Place]:
    topics = [await logs.partitions(topic) for topic in (EVENTS, VERDICTS, DEAD_LETTERS)]
    if len({len(partitions) for partitions in topics}) > 1:
        counts = ", ".join(f"{found[0].topic} has {len(found)}" for found in topics)
        raise TopicMismatch(f"the topics must have equally many partitions: {counts}")
    return [_Place(*partitions) for partitions in zip(*topics, strict=True)]


class _PartitionAudit:
    """One partition of the events topic, with its verdicts and dead letters."""

    def __init__(self, logs: Logs, place: _Place, end: int) -> None:
        self._logs = logs
        self._place = place
        self._end = end
        self._found = PartitionFindings(place.events.partition)
        self._implied = Implied([], {})
        self._begins_at_ns = 0
        self._verdicts = StatedVerdicts()
        self._letters = StatedDeadLetters()

    async def imply(self, recomputation: Recomputation) -> None:
        """Judge the log anew."""
        is_cut = await self._logs.begins(self._place.events) > 0
        async for batch in self._logs.read(self._place.events, self._end):
            if is_cut and not self._found.events:
                self._begins_at_ns = batch[0].timestamp * NS_PER_MS
            self._found.events += len(batch)
            implied = await recomputation.take(batch)
            self._implied.verdicts.extend(implied.verdicts)
            self._implied.dead_letters.update(implied.dead_letters)

    async def collect(self, deadline: float) -> None:
        """Read what was said; wait until `deadline` (monotonic) for what may be on its way."""
        verdict_ids = {one.verdict_id for one in self._implied.verdicts}
        offsets = self._implied.dead_letters.keys()
        await self._collect(self._place.verdicts, self._verdicts, verdict_ids, deadline)
        await self._collect(self._place.dead_letters, self._letters, offsets, deadline)

    async def _collect(
        self, place: TopicPartition, stated: Stated, wanted: AbstractSet[Any], deadline: float
    ) -> None:
        async for batch in self._logs.read(place, await self._logs.ends(place)):
            stated.take(batch)
        while not wanted <= stated.known() and time.monotonic() < deadline:
            stated.take(await self._logs.more(place))

    def compare(self) -> tuple[PartitionFindings, list[Fault]]:
        """Return what the partition came to, and its faults."""
        implied, found = self._implied, self._found
        skip = left_out(
            implied.verdicts, self._verdicts, begins_at_ns=self._begins_at_ns, end=self._end
        )
        found.implied = len(implied.verdicts)
        found.records = self._verdicts.records
        found.copies = sum(statement.copies for statement in self._verdicts.by_id.values())
        found.dead_letters = len(implied.dead_letters)
        found.limited, found.beyond = len(skip.limited), len(skip.beyond)
        place = self._place
        faults = [
            *compare_verdicts(
                place.verdicts, implied.verdicts, self._verdicts, skip.limited | skip.beyond
            ),
            *compare_dead_letters(place.events, implied.dead_letters, self._letters, end=self._end),
        ]
        return found, faults
