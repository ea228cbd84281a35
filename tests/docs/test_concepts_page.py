"""docs/concepts.md has every rule, option, field, status and cause."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from schemas.v1.definition import FlowOptions, NodeDefinition
from schemas.v1.verdict import CauseKind, NodeStatus
from tests.support.markdown import ROOT, section

PAGE = ROOT / "docs" / "concepts.md"
SOURCES = [*ROOT.glob("streams/**/*.py"), *ROOT.glob("schemas/**/*.py")]


def rows(text: str) -> dict[str, str]:
    """Return the first two cells of each row whose first is code."""
    return dict(re.findall(r"^\| `(\w+)` \|\s*([^|]*?)\s*\|", text, re.MULTILINE))


def test_every_rule_that_the_code_names_is_on_the_page() -> None:
    stated = re.findall(r"^\*\*R(\d+) ", PAGE.read_text(), re.MULTILINE)
    assert sorted(map(int, stated)) == list(range(1, 28))
    named = {rule for path in SOURCES for rule in re.findall(r"\bR(\d+)\b", path.read_text())}
    assert named <= set(stated)


@pytest.mark.parametrize(
    ("model", "header"),
    [(FlowOptions, "| option of a flow |"), (NodeDefinition, "| field of a node |")],
)
def test_options_and_fields_are_there_with_their_defaults_and_no_others(
    model: type[FlowOptions | NodeDefinition], header: str
) -> None:
    _, _, below = section(PAGE, "## Definitions").partition(header)
    table, _, _ = below.partition("\n\n")
    assert rows(table) == {
        name: ""
        if field.is_required()
        else str(field.get_default(call_default_factory=True)).lower()
        for name, field in model.model_fields.items()
    }


def test_node_statuses_and_causes_are_all_there() -> None:
    assert list(rows(section(PAGE, "## Node statuses"))) == [*get_args(NodeStatus)]
    assert list(rows(section(PAGE, "## Causes"))) == [*get_args(CauseKind)]
