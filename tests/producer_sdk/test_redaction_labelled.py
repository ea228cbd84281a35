"""Hits and misses of the detectors in texts that people have labelled."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from producer_sdk import DETECTORS, Redaction
from producer_sdk._redaction.detectors import RULES
from producer_sdk._redaction.matcher import replace
from producer_sdk._redaction.redactor import Redactor

LEAST_PRECISION = LEAST_RECALL = 0.98

_FILE = Path(__file__).with_name("labelled_texts.txt")
_MARK = re.compile(rf"<({'|'.join(DETECTORS)}):(.*?)>", re.DOTALL)


class Labelled(NamedTuple):
    """A text and what is to be found in it."""

    text: str
    findings: Counter[tuple[str, str]]


def labelled(line: str) -> Labelled:
    line = line.replace("~~", "\0").replace("~", "").replace("\0", "~").replace("\\n", "\n")
    marks = Counter((match[1], match[2]) for match in _MARK.finditer(line))
    return Labelled(_MARK.sub(r"\2", line), marks)


LINES = [
    labelled(line) for line in _FILE.read_text().splitlines() if line and not line.startswith("# ")
]


def found(text: str) -> Counter[tuple[str, str]]:
    """Return what the detectors find, one after the other, as in an event."""
    findings: Counter[tuple[str, str]] = Counter()
    for rule in RULES.values():

        def keep(_: object, finding: str, name: str = rule.name) -> str:
            findings[name, finding] += 1
            return "[REDACTED]"

        text = replace(rule, text, keep)
    return findings


def test_precision_and_recall_of_all_detectors_together() -> None:
    expected, actual = Counter[tuple[int, str, str]](), Counter[tuple[int, str, str]]()
    for number, (text, findings) in enumerate(LINES):
        expected.update({(number, *finding): count for finding, count in findings.items()})
        actual.update({(number, *finding): count for finding, count in found(text).items()})
    right = (expected & actual).total()
    wrong = {"missed": sorted(expected - actual), "too much": sorted(actual - expected)}
    assert right / actual.total() >= LEAST_PRECISION, wrong
    assert right / expected.total() >= LEAST_RECALL, wrong


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_finds_all_that_is_marked_as_its_own(name: str) -> None:
    marked = [line for line in LINES if any(of == name for of, _ in line.findings)]
    assert marked
    for text, findings in marked:
        own = {finding: count for (of, finding), count in findings.items() if of == name}
        assert {finding: count for (of, finding), count in found(text).items() if of == name} == own


@pytest.mark.parametrize(
    "line", [line for line in LINES if line.findings], ids=lambda line: line.text
)
def test_no_gate_keeps_a_finding_from_being_found(line: Labelled) -> None:
    redacted = _redacted(line.text)
    assert not [finding for _, finding in line.findings if finding in redacted]


def test_there_are_texts_to_spare() -> None:
    assert sum(not line.findings for line in LINES) >= 60


def _redacted(text: str) -> str:
    event = orjson.dumps({"ts": 1_795_526_955_162_636_203, "data": {"text": text}})
    redactor = Redactor(Redaction(), lambda _: None)
    return orjson.loads(redactor.event(event))["data"]["text"]
