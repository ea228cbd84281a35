"""R13 stream time, R27 outage: time is what the log says, and an outage is nobody's lateness."""

from __future__ import annotations

import pytest

from tests.engine.driver import START_NS, Log, causes, decided, event, flow, summary, timeout

WINDOW = 900_000
AB = flow("a", {"id": "b", "dep_ids": ["a"], "conditions": timeout(1_000)})
"""With a at 0 the instant at which b times out is 2000."""


# -- R13 ----------------------------------------------------------------------------------------


def test_R13_time_passes_by_records_alone():
    """Nothing fires while nothing is read, and a clock record is enough to fire."""
    log = Log(AB)
    log.come(event("a", 0))
    assert log.judge([]) == []
    assert summary(log.clock(2_000)) == ["1 failed b timeout"]


def test_R13_time_passes_by_records_of_other_runs():
    """Every record of the partition moves the clock of all its runs."""
    log = Log(AB)
    log.come(event("a", 0, run="r1"))
    log.come(event("a", 2_500, run="r2"))
    assert [(v["run_id"], v["status"]) for v in log.verdicts] == [("r1", "failed")]


def test_R13_an_older_timestamp_does_not_turn_the_clock_back():
    """The clock is the largest timestamp so far: an event arrives then, not at its own timestamp."""
    log = Log(flow("a", "b"))
    log.clock(5_000)
    log.come(event("b", 0), at=3_000)
    assert log.clock(5_999) == []
    assert summary(log.clock(6_000)) == ["1 failed b dependency"]


def test_R13_instants_fire_in_order_before_the_record_that_passes_them():
    """One record can pass many instants of many runs: they speak in order of instant, then it is applied."""
    log = Log(AB)
    log.come(event("a", 0, run="r1"), event("a", 0, run="r2"), event("a", 400, run="r1", id="a2"))
    log.come(event("b", 900, run="r2"), at=2_500)
    assert [(v["run_id"], v["status"], decided(v)) for v in log.verdicts] == [
        ("r2", "failed", 2_000),
        ("r1", "failed", 2_400),
        ("r2", "passed", 2_500),
    ]


def test_R13_an_event_before_the_instant_in_the_log_prevents_the_alarm():
    """A worker that was down for an hour reads on where it stopped, and nothing is late by its clock."""
    log = Log(AB)
    log.come(event("a", 0))
    log.restart()
    log.judge([log.record(1_900, event("b", 900)), log.record(3_600_000)])
    assert summary(log.verdicts) == ["1 passed"]


def test_R13_the_next_due_instant_is_known():
    """The owner of a partition is told when to append a clock record: at the earliest instant."""
    log = Log(AB)
    assert log.partition.next_due_ns() is None
    log.come(event("a", 500, run="late"), event("a", 0, run="early"), at=500)
    assert log.partition.next_due_ns() == START_NS + 2_000_000_000
    log.come(event("b", 600, run="late"), event("b", 600, run="early"), at=600)
    assert log.partition.next_due_ns() is None


def test_R13_the_next_due_instant_is_known_after_a_restart():
    """The wheel is rebuilt from the stored runs."""
    log = Log(AB)
    log.come(event("a", 0, run="r1"), event("a", 100, run="r2"), event("b", 200, run="r1"))
    log.restart()
    assert log.partition.next_due_ns() == START_NS + 2_100_000_000
    log.run_on()
    assert [(v["run_id"], v["status"]) for v in log.verdicts] == [
        ("r1", "passed"),
        ("r2", "failed"),
    ]


def test_R13_a_dead_letter_moves_the_clock():
    """A record whose bytes were no event lets time pass all the same."""
    log = Log(AB)
    log.come(event("a", 0))
    log.judge([log.record(2_000, None), log.record(2_000, event("b", 900))])
    assert summary(log.verdicts) == ["1 failed b timeout", "2 passed"]


# -- R27 ----------------------------------------------------------------------------------------


def test_R27_an_instant_passed_in_time_fires_where_it_was():
    """Up to 2 s between an instant and the record that passes it is no outage."""
    log = Log(AB)
    log.come(event("a", 0))
    assert summary(log.clock(4_000)) == ["1 failed b timeout"]
    assert decided(log.last) == 2_000


def test_R27_an_instant_passed_more_than_2_s_late_moves():
    """It moves behind the outage, to that record's timestamp and 10 s."""
    log = Log(AB)
    log.come(event("a", 0))
    assert log.clock(4_001) == []
    assert log.clock(14_000) == []
    assert summary(log.clock(14_001)) == ["1 failed b timeout"]
    assert decided(log.last) == 14_001


def test_R27_producers_can_send_what_they_held():
    """An event that was in time and could not be written raises no alarm."""
    log = Log(AB)
    log.come(event("a", 0))
    log.clock(60_000)
    log.come(event("b", 900), at=69_999)
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]


def test_R27_the_record_that_ends_the_outage_counts():
    """It is applied after the instant has moved, so it may itself be what was waited for."""
    log = Log(AB)
    log.come(event("a", 0))
    log.come(event("b", 900), at=60_000)
    assert summary(log.verdicts) == ["1 passed"]


def test_R27_an_event_that_was_late_stays_late():
    """An outage moves instants, not what happened: `late` is judged by ts."""
    log = Log(AB)
    log.come(event("a", 0))
    log.come(event("b", 1_001), at=60_000)
    assert summary(log.verdicts) == ["1 failed b late"]


def test_R27_a_second_outage_moves_it_again():
    """As often as nobody can write."""
    log = Log(AB)
    log.come(event("a", 0))
    log.clock(60_000)
    assert log.clock(72_001) == []
    assert log.clock(100_000) == []
    assert log.run_on(109_999) == []
    log.come(event("a", 0, run="other"), event("b", 1, run="other"), at=110_000)
    assert [(v["run_id"], decided(v)) for v in log.verdicts] == [
        ("r1", 110_000),
        ("other", 110_000),
    ]


def test_R27_outages_are_remembered_by_a_stored_run():
    """A restart between two outages forgets neither."""
    log = Log(AB)
    log.come(event("a", 0))
    log.clock(60_000)
    log.restart()
    log.clock(100_000)
    log.restart()
    assert summary(log.run_on()) == ["1 failed b timeout"]
    assert decided(log.last) == 110_000


def test_R27_what_the_outage_did_not_swallow_is_not_moved():
    """Instants before the gap, within its last 2 s and after it keep their place."""
    waits = {"before": 1, "swallowed": 2_000, "tail": 8_000, "after": 30_000}
    nodes = [
        {"id": node, "dep_ids": ["a"], "conditions": timeout(ms)} for node, ms in waits.items()
    ]
    log = Log(flow("a", *nodes))
    log.come(event("a", 0))
    log.clock(1_001)
    log.clock(10_000)
    log.run_on()
    known: set[str] = set()
    fired: dict[str, float] = {}
    for verdict in log.verdicts:
        fired |= dict.fromkeys(set(causes(verdict)) - known, decided(verdict))
        known = set(causes(verdict))
    assert fired == {
        "before timeout": 1_001,
        "tail timeout": 9_000,
        "swallowed timeout": 20_000,
        "after timeout": 31_000,
    }


def test_R27_a_grace_is_moved_like_a_deadline():
    """An event that waits for its dependency waits through the outage."""
    log = Log(flow("a", "b"))
    log.come(event("b", 0))
    log.clock(30_000)
    log.come(event("a", -1), at=39_999)
    assert summary(log.verdicts) == ["1 passed"]


def test_R27_a_window_is_moved_like_a_deadline():
    """A window whose close nobody could see stays open for what is held back."""
    log = Log(flow("a", "b"))
    log.come(event("a", 0))
    log.clock(WINDOW + 60_000)
    assert log.verdicts == []
    assert summary(log.run_on()) == ["1 incomplete b missing"]
    assert decided(log.last) == WINDOW + 70_000


def test_R27_max_open_is_moved_like_a_deadline():
    """The longest window waits as well."""
    log = Log(flow("a", "b", max_open_ms=5_000))
    log.come(event("a", 0))
    log.clock(60_000)
    log.run_on()
    assert [decided(v) for v in log.verdicts] == [70_000]


def test_R27_settling_is_moved_like_a_deadline():
    """A run that waits to know its whole flow waits through the outage."""
    log = Log()
    log.come(event("a", 0))
    log.clock(60_000)
    log.run_on()
    assert [(v["status"], decided(v)) for v in log.verdicts] == [("passed", 70_000)]


def test_R27_after_the_outage_waits_go_by_the_record_timestamps():
    """What arrives at the end of an outage has its own grace from there, and no more."""
    log = Log(flow("a", "b", {"id": "c"}))
    log.come(event("c", 0))
    log.come(event("b", 30_000))
    assert log.run_on(30_999) == []
    assert summary(log.run_on(31_000)) == ["1 failed b dependency"]


@pytest.mark.parametrize("end", [60_000, 90_000])
def test_R27_an_outage_is_the_same_however_the_log_is_batched(end: int):
    """The gap may lie inside one batch or between two."""
    said: list[list[bytes]] = []
    for cut in (0, 1, 2, 3):
        log = Log(AB)
        records = [
            log.record(0, event("a", 0)),
            log.record(end),
            log.record(end + 9_000, event("b", 1_500)),
        ]
        log.judge(records[:cut])
        log.judge(records[cut:])
        said.append([out.value for judged in log.judged for out in judged.verdicts])
    assert said[0] != []
    assert said == said[:1] * 4
