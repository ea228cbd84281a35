"""Instants and durations as a person on call reads them."""

from __future__ import annotations

import pytest

from schemas.units import NS_PER_MS
from streams.engine.text import clock_text, duration_text, list_text, verdict_reasons
from tests.engine.driver import START_NS


@pytest.mark.parametrize(
    ("after_ns", "text"),
    [
        (0, "15:06:40.000 UTC"),
        (5_120 * NS_PER_MS, "15:06:45.120 UTC"),
        (999_999, "15:06:40.000 UTC"),
        (-1 * NS_PER_MS, "15:06:39.999 UTC"),
        (9 * 3_600_000 * NS_PER_MS, "00:06:40.000 UTC"),
    ],
)
def test_an_instant_has_milliseconds_and_its_zone(after_ns: int, text: str):
    """Nobody has to guess which zone it is."""
    assert clock_text(START_NS + after_ns) == text


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 ms"),
        (1, "0.000 ms"),
        (250_000, "0.250 ms"),
        (999_999, "1.000 ms"),
        (NS_PER_MS, "1 ms"),
        (NS_PER_MS + 1, "1 ms"),
        (999 * NS_PER_MS, "999 ms"),
        (5_000 * NS_PER_MS, "5 s"),
        (1_500 * NS_PER_MS, "1.5 s"),
        (1_234 * NS_PER_MS, "1.234 s"),
        (90_000 * NS_PER_MS, "1.5 min"),
        (900_000 * NS_PER_MS, "15 min"),
        (61_001 * NS_PER_MS, "61.001 s"),
        (3_600_000 * NS_PER_MS, "1 h"),
        (5_400_000 * NS_PER_MS, "1.5 h"),
        (86_400_000 * NS_PER_MS, "1 d"),
        (604_800_000 * NS_PER_MS, "7 d"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_fits(duration_ns: int, text: str):
    """Exact, and in the largest unit in which it is short to say."""
    assert duration_text(duration_ns) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_reads_as_a_sentence(names: list[str], text: str):
    """Commas, and one `and`."""
    assert list_text(names) == text


def test_a_failed_verdict_gives_the_message_of_each_cause():
    causes = [{"message": "pay: wrong"}, {"message": "ship: late"}]
    verdict = {"status": "failed", "causes": causes, "nodes": []}
    assert verdict_reasons(verdict) == ["pay: wrong", "ship: late"]


def test_an_incomplete_verdict_lists_missing_and_unreached_nodes():
    statuses = {"cart": "passed", "pay": "missing", "ship": "unreached", "deliver": "unreached"}
    nodes = [{"node": node, "status": status} for node, status in statuses.items()]
    assert verdict_reasons({"status": "incomplete", "causes": [], "nodes": nodes}) == [
        "missing: pay",
        "unreached: ship, deliver",
    ]


def test_a_passed_verdict_has_no_reasons():
    assert verdict_reasons({"status": "passed", "causes": [], "nodes": []}) == []
