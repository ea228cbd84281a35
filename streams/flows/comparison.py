"""`duly replay --topic … --flow … --compare`: what other definitions would have said of real runs."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.units import NS_PER_MS
from streams.agents.events.decoder import Decoder
from streams.audit.auditor import roomy_sandbox
from streams.audit.history import read_history
from streams.audit.logs import open_logs
from streams.audit.spans import Place, begun_before, places_of, span_of, take_verdicts
from streams.audit.stated import StatedVerdicts
from streams.cli.instants import day_and_time
from streams.cli.output import count_of, spaced
from streams.cli.terminal import STATUS_SIGNS
from streams.flows.files import InvalidFlowFile, check_scripts
from streams.replay.what_if import RunChange, Said, WhatIf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.audit.logs import Logs
    from streams.flows.files import FlowFile
    from streams.scripts.sandbox import Sandbox
    from streams.settings.worker import WorkerSettings

NO_VERDICT = "no verdict"


@dataclass(slots=True)
class Comparison:
    """What came of judging a log twice.

    Attributes:
        runs: how many runs of the flows were judged.
        left_out: of these, how many began before the part of the log that was read.
        changes: those that would be judged otherwise, in the order in which they opened.
        notes: what limits the comparison, for people.
    """

    runs: int = 0
    left_out: int = 0
    changes: list[RunChange] = field(default_factory=list[RunChange])
    notes: list[str] = field(default_factory=list[str])

    def as_object(self) -> dict[str, Any]:
        """Return it as what JSON can say."""
        return {
            "runs": self.runs,
            "changed": len(self.changes),
            "left_out": self.left_out,
            "changes": [
                change.life._asdict()
                | {"before": _as_objects(change.before), "after": _as_objects(change.after)}
                for change in self.changes
            ],
            "notes": self.notes,
        }

    def as_lines(self) -> Iterator[str]:
        """Yield each run that would change, and how."""
        for life, before, after in self.changes:
            opened = day_and_time(life.opened_at_ns // NS_PER_MS)
            yield f"{life.flow}/{life.run_id}, opened {opened}"
            yield from _side("before", before)
            yield from _side("after", after)

    def sentence(self) -> str:
        """Return the outcome in a sentence."""
        of_runs = count_of(self.runs - self.left_out, "run")
        if not self.changes:
            return f"none of {of_runs} would change"
        kinds = Counter(f"{_kind(c.before)} → {_kind(c.after)}" for c in self.changes)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return f"{spaced(len(self.changes))} of {of_runs} would change: {told}"


async def compare_flows(
    settings: WorkerSettings, files: Sequence[FlowFile], since_ms: int | None, until_ms: int | None
) -> Comparison:
    """Judge the log by the definitions as they were, and with files in place of what was published.

    Time goes on behind the last record, to `until_ms` or to now.

    Raises:
        InvalidFlowFile: a script of a file does not compile.
        BrokerUnavailable: the broker cannot be reached, or a topic is not there.
    """
    async with roomy_sandbox() as sandbox, open_logs(settings) as logs:
        await _check(files, sandbox)
        flows = {file.flow for file in files}
        history = await read_history(logs)
        before, notes = history.definitions(settings.flow_options)
        after, _ = history.definitions(settings.flow_options, without=flows)
        for file in files:
            after.publish(file.definition)
        comparison = Comparison(notes=notes)
        now_ns = time.time_ns() if until_ms is None else until_ms * NS_PER_MS
        places = await places_of(logs)
        for place in places:
            what_if = WhatIf(place.events, before, after, flows=flows, evaluate=sandbox.evaluate)
            reading = _Reading(logs, place, len(places), since_ms, until_ms)
            await reading.judge(what_if, now_ns, comparison)
        comparison.changes.sort(key=lambda change: (change.life.opened_at_ns, change.life))
        return comparison


@dataclass(slots=True)
class _Reading:
    """One partition on its way from the log into a comparison."""

    logs: Logs
    place: Place
    partitions: int
    since_ms: int | None
    until_ms: int | None

    async def judge(self, what_if: WhatIf, now_ns: int, comparison: Comparison) -> None:
        logs, events = self.logs, self.place.events
        span = await span_of(logs, self.place, self.since_ms, self.until_ms)
        decoder = Decoder(events.topic, events.partition, self.partitions)
        async for batch in logs.read(events, span.end, span.begin):
            await what_if.take(decoder.decode(batch).records)
        await what_if.run_on(now_ns)
        stated = StatedVerdicts()
        if span.since_ms is not None:
            await take_verdicts(logs, self.place, span, stated)
        left_out = await begun_before(logs, self.place, span, what_if.lives, stated)
        comparison.runs += len(what_if.lives)
        comparison.left_out += sum(life[:2] in left_out for life in what_if.lives)
        comparison.changes += what_if.changes(left_out)


async def _check(files: Sequence[FlowFile], sandbox: Sandbox) -> None:
    problems = [problem for file in files for problem in await check_scripts(file, sandbox)]
    if problems:
        raise InvalidFlowFile(problems)


def _as_objects(said: list[Said]) -> list[dict[str, Any]]:
    return [{"status": one.status, "reasons": one.reasons} for one in said]


def _side(name: str, said: list[Said]) -> Iterator[str]:
    lead = f"    {name:<6}  "
    for one in said:
        why = f": {'; '.join(one.reasons)}" if one.reasons else ""
        yield f"{lead}{STATUS_SIGNS.get(one.status, '?')} {one.status}{why}"
        lead = f"    {'then':<6}  "
    if not said:
        yield f"{lead}{NO_VERDICT}"


def _kind(said: list[Said]) -> str:
    return ", then ".join(one.status for one in said) or NO_VERDICT
