"""The picture of the metrics under load is drawn from what a worker shows."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from streams.metrics.registry import METRICS
from tests.support.worker_process import ROOT
from tools.line_chart import Panel, draw
from tools.metrics_picture import Sample, picture

PICTURE = ROOT / "docs/metrics.svg"
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_of_the_docs_is_one():
    root = ET.parse(PICTURE).getroot()
    assert len(root.findall(f".//{SVG}polyline")) >= 4


def _page(
    events: float, quick: float, slow: float
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    name = "duly_event_to_verdict_seconds_bucket"
    return {
        ("duly_events_total", (("outcome", "accepted"),)): events,
        ("duly_open_runs", (("partition", "0"),)): 3,
        (name, (("le", "0.1"),)): quick,
        (name, (("le", "0.2"),)): quick + slow,
        (name, (("le", "+Inf"),)): quick + slow,
    }


def test_rates_and_quantiles_are_of_the_time_between_two_samples():
    """As Prometheus reckons them: 99 of 100 in the first bucket puts p99 at its end."""
    samples = [
        Sample(0, _page(10, 5, 5)),
        Sample(2, _page(50, 104, 6)),
        Sample(4, _page(50, 104, 6)),
    ]
    drawn = picture(samples)
    assert ">20<" in drawn, "40 events in 2 s"
    assert ">100<" in drawn, "p99 in ms"
    ET.fromstring(drawn)


def test_a_line_reaches_from_its_first_to_its_last_instant():
    drawn = draw([Panel("a < b", {"x": [0.0, 5.0]})], [1.0, 2.0])
    points = ET.fromstring(drawn).find(f".//{SVG}polyline")
    assert points is not None
    assert points.get("points") == "52.0,166.0 408.0,34.0"


@pytest.mark.parametrize(
    "name",
    [
        "duly_events_total",
        "duly_verdicts_total",
        "duly_open_runs",
        "duly_event_to_verdict_seconds",
        "duly_deadline_lateness_seconds",
    ],
)
def test_what_is_drawn_is_a_metric_of_the_worker(name: str):
    assert name in METRICS
