"""The engine and a second implementation of the rules agree on any flow and any log."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.driver import Log, decided, statuses
from tests.engine.generate import OUTAGE_STEPS_MS, STEPS_MS, Arrival, flows, logs
from tests.engine.oracle import Oracle, Statement


@st.composite
def cases(draw: st.DrawFn, steps: tuple[int, ...]) -> tuple[dict[str, Any], list[Arrival]]:
    """A flow and a log of it."""
    definition = draw(flows())
    return definition, draw(logs(definition, steps=steps))


def engine_says(definition: dict[str, Any], arrivals: list[Arrival]) -> list[Statement]:
    """What the engine says of a log, and then while time runs on."""
    log = Log(definition)
    for arrival in arrivals:
        log.judge([log.record(*arrival)])
    log.run_on()
    assert [verdict["revision"] for verdict in log.verdicts] == [*range(1, len(log.verdicts) + 1)]
    return [
        Statement(
            verdict["status"],
            [(cause["node"], cause["kind"]) for cause in verdict["causes"]],
            int(decided(verdict)),
            statuses(verdict),
        )
        for verdict in log.verdicts
    ]


def oracle_says(definition: dict[str, Any], arrivals: list[Arrival]) -> list[Statement]:
    """The same, by the rules alone."""
    oracle = Oracle(definition)
    for arrival in arrivals:
        oracle.read(*arrival)
    oracle.run_on()
    return oracle.said


@given(cases(STEPS_MS))
def test_the_engine_judges_as_the_law_reads(case: tuple[dict[str, Any], list[Arrival]]):
    """Every verdict: its status, causes, instant and node statuses, and that there is no other one."""
    assert engine_says(*case) == oracle_says(*case)


@given(cases(OUTAGE_STEPS_MS))
def test_the_engine_judges_outages_as_the_law_reads(case: tuple[dict[str, Any], list[Arrival]]):
    """The same where nobody could write the log for a while (R27)."""
    assert engine_says(*case) == oracle_says(*case)
