"""Compares the judgement of real runs with that of other definitions, over a whole topic."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.units import NS_PER_MS
from streams.agents.events.decoder import Decoder
from streams.flows.checks import check_files
from streams.flows.history import read_history
from streams.kafka.log_spans import CoPartition, begun_before, co_partitions, span_of, take_verdicts
from streams.kafka.topic_reader import open_reader
from streams.kafka.written import WrittenVerdicts
from streams.replay.what_if import RunChange, WhatIf
from streams.scripts.offline import offline_sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.flows.files import FlowFile
    from streams.kafka.topic_reader import TopicReader
    from streams.settings.worker import WorkerSettings


@dataclass(slots=True)
class TopicComparison:
    """Result of judging a log twice.

    Attributes:
        runs: number of runs of the flows that were judged.
        left_out: number of these that began before the part of the log that was read.
        changes: the runs that would be judged otherwise, in the order in which they opened.
        notes: limits of the comparison, for people.
    """

    runs: int = 0
    left_out: int = 0
    changes: list[RunChange] = field(default_factory=list[RunChange])
    notes: list[str] = field(default_factory=list[str])


async def compare_flows(
    settings: WorkerSettings, files: Sequence[FlowFile], since_ms: int | None, until_ms: int | None
) -> TopicComparison:
    """Judge the log by the definitions as they were, and with flow files in place of published ones.

    After the last record time goes on, to `until_ms` or to now.

    Raises:
        InvalidFlowFile: a script of a file does not compile.
        BrokerUnavailable: the broker cannot be reached, or a topic is not there.
    """
    async with offline_sandbox() as sandbox, open_reader(settings) as reader:
        await check_files(files, sandbox)
        flows = {file.flow for file in files}
        history = await read_history(reader, settings)
        before, notes = history.definitions(settings.flow_options)
        after, _ = history.definitions(settings.flow_options, without=flows)
        for file in files:
            after.publish(file.definition)
        comparison = TopicComparison(notes=notes)
        now_ns = time.time_ns() if until_ms is None else until_ms * NS_PER_MS
        places = await co_partitions(settings)
        for place in places:
            what_if = WhatIf(place.events, before, after, flows=flows, evaluate=sandbox.evaluate)
            reading = _PartitionReading(reader, place, len(places), since_ms, until_ms)
            await reading.judge(what_if, now_ns, comparison)
        comparison.changes.sort(key=lambda change: (change.life.opened_at_ns, change.life))
        return comparison


@dataclass(slots=True)
class _PartitionReading:
    """Reads one partition of the log into a comparison."""

    reader: TopicReader
    place: CoPartition
    partitions: int
    since_ms: int | None
    until_ms: int | None

    async def judge(self, what_if: WhatIf, now_ns: int, comparison: TopicComparison) -> None:
        reader, events = self.reader, self.place.events
        span = await span_of(reader, self.place, self.since_ms, self.until_ms)
        decoder = Decoder(events.topic, events.partition, self.partitions)
        async for batch in reader.read(events, span.end, span.begin):
            await what_if.take(decoder.decode(batch).records)
        await what_if.run_on(now_ns)
        written = WrittenVerdicts()
        if span.since_ms is not None:
            await take_verdicts(reader, self.place, span, written)
        left_out = await begun_before(reader, self.place, span, what_if.lives, written)
        comparison.runs += len(what_if.lives)
        comparison.left_out += sum(life[:2] in left_out for life in what_if.lives)
        comparison.changes += what_if.changes(left_out)
