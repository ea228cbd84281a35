"""Verdicts written before the audit began are about events that the audit judges."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from streams.errors import IncompleteRead
from streams.kafka.log_spans import CoPartition, Span, check_end
from streams.kafka.written import WrittenVerdicts
from tests.audit.records import verdict, written

PLACE = CoPartition(*(TopicPartition(topic, 2) for topic in ("events", "verdicts", "letters")))


def _said(*source_offsets: int) -> WrittenVerdicts:
    stated = WrittenVerdicts()
    stated.take(
        written(
            *(
                verdict(f"r{offset}", source={"topic": "events", "partition": 2, "offset": offset})
                for offset in source_offsets
            )
        )
    )
    return stated


def test_a_log_that_ends_before_what_was_judged_of_it_is_refused():
    """The audit once judged four verdicts where many were due, and called that sound."""
    with pytest.raises(IncompleteRead) as refused:
        check_end(PLACE, Span(0, 10, verdicts_end=3), _said(5, 9, 10))
    assert str(refused.value).startswith("verdicts, partition 2, offset 2: ")
    assert "decided at offset 10 of events, whose partition ended at 10" in str(refused.value)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        pytest.param(Span(0, 10, verdicts_end=3), (5, 8, 9), id="all within"),
        pytest.param(Span(0, 10, verdicts_end=2), (5, 9, 30), id="said after the audit began"),
        pytest.param(
            Span(0, 10, until_ms=1, verdicts_end=3), (5, 9, 30), id="a span was asked for"
        ),
        pytest.param(Span(0, 0), (), id="nothing at all"),
    ],
)
def test_what_is_newer_than_the_audit_is_no_fault_of_the_log(span: Span, said: tuple[int, ...]):
    check_end(PLACE, span, _said(*said))
