"""The dashboard and the alerts speak of metrics that exist, and each alert has a page to turn to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.metrics.registry import METRICS, Metric

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/dashboards/duly.json").read_text("utf-8"))
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/dashboards/alerts.yaml").read_text("utf-8"))[
        "groups"
    ]
    for rule in group["rules"]
]
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
KNOWN: dict[str, Metric] = {str(name): metric for name, metric in METRICS.items()}
NAME = re.compile(r"duly_[a-z_]+")
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]] + [
    rule["expr"] for rule in ALERTS
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_asked_for_exists_with_its_labels(expression: str) -> None:
    for found in NAME.findall(expression):
        name = re.sub(r"_(bucket|sum|count)$", "", found)
        assert name in KNOWN
        labels = re.search(r"by \(([a-z, ]+)\)", expression)
        asked = {label.strip() for label in labels.group(1).split(",")} if labels else set[str]()
        assert asked <= {*KNOWN[name].labels, "le", "instance"}


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    assert [name for name in METRICS if name not in shown] == []


def test_panels_have_what_a_dashboard_needs() -> None:
    panels = DASHBOARD["panels"]
    assert DASHBOARD["schemaVersion"] >= 36
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert {"title", "type", "gridPos", "targets", "fieldConfig", "description"} <= set(panel)
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_section_of_the_runbook(rule: dict[str, Any]) -> None:
    page, section = rule["annotations"]["runbook"].split("#")
    assert page == "docs/runbook.md"
    assert section == rule["alert"].lower()
    assert f"\n## {rule['alert']}\n" in RUNBOOK
    assert rule["labels"]["severity"] in {"page", "ticket"}
