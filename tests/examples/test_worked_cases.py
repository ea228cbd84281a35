from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.v1.event import EventModel
from streams.cli.root import app

CASES = Path(__file__).parents[2] / "examples" / "worked_cases"
NAMES = sorted(path.name.removesuffix(".events.jsonl") for path in CASES.glob("*.events.jsonl"))


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text().splitlines()]


def reduced(verdict: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Return of a verdict only what the expected one speaks of."""
    named = {node["node"] for node in expected["nodes"]}
    return {
        **{field: verdict[field] for field in expected},
        "causes": [{"node": cause["node"], "kind": cause["kind"]} for cause in verdict["causes"]],
        "nodes": [
            {"node": node["node"], "status": node["status"]}
            for node in verdict["nodes"]
            if node["node"] in named
        ],
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_worked_case_gets_exactly_the_verdicts_beside_it(name: str) -> None:
    flow = CASES / f"{name.partition('.')[0]}.yaml"
    events = CASES / f"{name}.events.jsonl"
    result = CliRunner().invoke(app, ["replay", "--flow", str(flow), str(events)])
    assert result.exit_code == 0, result.stderr
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    expected = lines(f"{name}.verdicts.jsonl")
    assert len(verdicts) == len(expected)
    assert [reduced(*pair) for pair in zip(verdicts, expected, strict=True)] == expected


def test_the_table_of_cases_names_each_case_once_and_no_other() -> None:
    named = re.findall(
        r"^\| \[`([^`]+)`\]\(([^)]+)\)", (CASES / "README.md").read_text(), re.MULTILINE
    )
    assert sorted(name for name, _ in named) == NAMES
    assert all(link == f"{name}.events.jsonl" for name, link in named)


@pytest.mark.parametrize("name", NAMES)
def test_the_events_of_a_case_are_events_of_the_wire(name: str) -> None:
    for line in lines(f"{name}.events.jsonl"):
        if "clock" not in line:
            EventModel.model_validate(line)
