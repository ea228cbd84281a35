"""Properties of every flow and every log: order, duplicates, batches, restarts and crashes change nothing."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import verdict_id
from tests.engine.driver import START_NS, Log, Verdict
from tests.engine.generate import (
    DELAYS_MS,
    OUTAGE_STEPS_MS,
    STEPS_MS,
    Arrival,
    events,
    flows,
    logs,
    rarely,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.wire import Event
    from streams.engine.records import Record


class Case(NamedTuple):
    """A flow and a log of it."""

    definition: dict[str, Any]
    arrivals: list[Arrival]

    def open_log(self) -> tuple[Log, list[Record]]:
        """A partition that has read nothing, and the records that it will read."""
        log = Log(self.definition)
        return log, [log.record(*arrival) for arrival in self.arrivals]


@st.composite
def cases(
    draw: st.DrawFn, steps: tuple[int, ...] = STEPS_MS, runs: str = "r", *, may_teach: bool = True
) -> Case:
    """A flow and a log of it; in some of them events teach."""
    definition = draw(flows())
    teaching = may_teach and rarely(draw)
    return Case(definition, draw(logs(definition, steps=steps, runs=runs, teaching=teaching)))


@st.composite
def crowds(draw: st.DrawFn) -> tuple[dict[str, Any], list[Event], list[Event]]:
    """A flow, events of one run, and the same events in another order."""
    definition = draw(flows())
    nodes = "".join(node["id"] for node in definition["nodes"])
    teaching = draw(st.booleans())
    count = draw(st.integers(2, 8))
    crowd = [draw(events(number, nodes, 0, teaching=teaching)) for number in range(count)]
    return definition, crowd, draw(st.permutations(crowd))


def said(log: Log) -> list[bytes]:
    """Every verdict so far, to the byte."""
    return [out.value for judged in log.judged for out in judged.verdicts]


def without_source(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts without the offsets of the records that made them."""
    return [{name: verdict[name] for name in verdict if name != "source"} for verdict in verdicts]


def straight(case: Case) -> Log:
    """Read a log record by record, and let time run on."""
    log, records = case.open_log()
    for record in records:
        log.judge([record])
    log.run_on()
    return log


@given(crowds())
def test_R3_the_order_of_arrival_does_not_decide(
    crowd: tuple[dict[str, Any], list[Event], list[Event]],
):
    """Whatever came first, a run ends with the same status, causes and node statuses."""
    definition, one_way, other_way = crowd
    one, other = Log(definition), Log(definition)
    one.come(*one_way, at=max(DELAYS_MS))
    other.come(*other_way, at=max(DELAYS_MS))
    one.run_on()
    other.run_on()
    end = one.end()
    assert other.end() == end
    for log in (one, other):
        if end.status is not None:
            assert log.last["status"] == end.status
            assert sorted(f"{c['node']} {c['kind']}" for c in log.last["causes"]) == end.causes


@given(cases(), st.data())
def test_R2_duplicates_change_nothing(case: Case, data: st.DataObject):
    """However often an event arrives again, wherever in the log, the same is said at the same instants."""
    repeated: list[Arrival] = []
    for place, arrival in enumerate(case.arrivals):
        repeated.append(arrival)
        again = data.draw(st.lists(st.sampled_from(case.arrivals[: place + 1]), max_size=2))
        repeated += [Arrival(arrival.at, before.event) for before in again]
    once, often = straight(case), straight(Case(case.definition, repeated))
    assert without_source(often.verdicts) == without_source(once.verdicts)


@given(cases(), st.data())
def test_R13_clock_records_change_nothing_but_the_time(case: Case, data: st.DataObject):
    """However fine the log's grain, instants fire where they are."""
    last = case.arrivals[-1].at
    ticks = data.draw(st.lists(st.integers(0, last), max_size=10))
    arrivals = [*case.arrivals, *(Arrival(at, None) for at in ticks)]
    arrivals.sort(key=lambda arrival: arrival.at)
    plain, ticking = straight(case), straight(Case(case.definition, arrivals))
    assert without_source(ticking.verdicts) == without_source(plain.verdicts)


@given(cases(OUTAGE_STEPS_MS, runs="rst"))
def test_R12_a_run_never_passes_on_what_nobody_judged(case: Case):
    """Green means: something was judged well, and nothing is owed, awaited or wrong."""
    for verdict in straight(case).verdicts:
        found = {node["status"] for node in verdict["nodes"]}
        causes = verdict["causes"]
        if verdict["status"] == "passed":
            assert "passed" in found
            assert found <= {"passed", "skipped", "excluded"}
            assert causes == []
        elif verdict["status"] == "failed":
            assert causes != []
        else:
            assert found & {"missing", "unreached"}
            assert causes == []
            assert verdict["window_closed"] is True


@given(cases(OUTAGE_STEPS_MS, runs="rst"))
def test_R15_revisions_are_numbered_and_chained(case: Case):
    """Without a gap, each naming the one before, each saying something new, in order of time."""
    by_run: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in straight(case).verdicts:
        by_run[verdict["run_id"]].append(verdict)
    for run_id, verdicts in by_run.items():
        assert [v["revision"] for v in verdicts] == [*range(1, len(verdicts) + 1)]
        assert verdicts[0]["supersedes"] is None
        for verdict in verdicts:
            opened = verdict["opened_at_ns"]
            assert verdict["verdict_id"] == verdict_id("f", run_id, opened, verdict["revision"])
        for before, after in pairwise(verdicts):
            assert after["supersedes"] == before["verdict_id"]
            assert after["previous_status"] == before["status"]
            assert after["decided_at_ns"] >= before["decided_at_ns"]
            assert _meaning(after) != _meaning(before)


def _meaning(verdict: Verdict) -> Any:
    causes = {(cause["node"], cause["kind"]) for cause in verdict["causes"]}
    absent = {n["node"]: n["status"] for n in verdict["nodes"] if n["status"] in _ABSENT}
    return verdict["status"], causes, absent if verdict["status"] == "incomplete" else None


_ABSENT = {"missing", "unreached"}


@given(cases(OUTAGE_STEPS_MS, runs="rst", may_teach=False), st.data())
def test_R15_batches_change_nothing(case: Case, data: st.DataObject):
    """However a log is cut, the same bytes are said in the same order."""
    log, records = case.open_log()
    while records:
        size = data.draw(st.integers(1, len(records)))
        log.judge(records[:size])
        records = records[size:]
    log.run_on()
    assert said(log) == said(straight(case))


@given(cases(OUTAGE_STEPS_MS, runs="rst"))
def test_R16_restarts_change_nothing(case: Case):
    """A worker that loses its memory after every record says the same bytes, and asks no more scripts."""
    log, records = case.open_log()
    for record in records:
        log.judge([record])
        log.restart()
    log.run_on()
    steady = straight(case)
    assert said(log) == said(steady)
    assert log.calls == steady.calls


@given(cases(OUTAGE_STEPS_MS, runs="rst", may_teach=False), st.data())
def test_R16_a_crash_changes_nothing(case: Case, data: st.DataObject):
    """A batch of which some states were written and some not is read again: the same bytes are said."""
    log, records = case.open_log()
    begin = data.draw(st.integers(0, len(records) - 1))
    log.judge(records[:begin])
    before = log.stored()
    log.judge(records[begin:])
    after = log.stored()
    written = {key: after[key] for key in after if data.draw(st.booleans())}
    log.restart({**before, **written})
    log.judge(records[begin:])
    assert log.stored() == after
    log.run_on()
    assert set(said(log)) == set(said(straight(case)))


@given(cases(OUTAGE_STEPS_MS))
def test_R6_no_script_is_asked_the_same_again(case: Case):
    """For one event nothing is asked anew unless the program, or what it sees, has changed."""
    asked: dict[tuple[str, bytes], tuple[str, bytes]] = {}
    for call in straight(case).calls:
        assert asked.get((call.kind, call.data)) != (call.source, call.ctx)
        asked[call.kind, call.data] = (call.source, call.ctx)


@given(cases(OUTAGE_STEPS_MS, runs="rst"))
def test_R13_every_instant_is_foreseen(case: Case):
    """What fires was announced as due, so that the owner of a partition can let it pass in time."""
    log, records = case.open_log()
    for record in records:
        due_ns = log.partition.next_due_ns()
        fired = [v for v in log.judge([record]) if v["trigger"] != "event"]
        assert not fired or (due_ns is not None and due_ns <= fired[0]["decided_at_ns"])
    last_ns = records[-1].timestamp_ns
    while (due_ns := log.partition.next_due_ns()) is not None:
        assert due_ns > last_ns
        assert due_ns % 1_000_000 == 0
        last_ns = due_ns
        log.run_on((due_ns - START_NS) // 1_000_000)
