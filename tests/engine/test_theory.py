"""The theory of operation in `streams/engine/__init__.py` is what the code does: rules, commands, statuses."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings

from schemas.v1.verdict import NodeStatus, RunStatus
from streams.engine.rules.verdicts import Decision, build_verdict, decision_at
from streams.engine.run.codec import decode_run
from tests.engine.driver import NS_PER_MS, START_MS, Log, statuses
from tests.engine.test_fast_path import cases
from tests.support.markdown import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.engine.generate import Arrival

ENGINE = ROOT / "streams" / "engine"
THEORY = ast.get_docstring(ast.parse((ENGINE / "__init__.py").read_text())) or ""
LAW = {
    int(number)
    for number in re.findall(
        r"^\*\*R(\d+) ", (ROOT / "docs" / "concepts.md").read_text(), re.MULTILINE
    )
}
WRITES = re.compile(r"\b(run|entry|node_events)\.\w+(\[.*\])? = |\brun\.(mark|set_causes)\(")


def part(title: str) -> str:
    """Return the part of the theory under a title."""
    body = THEORY.partition(f"\n{title}\n===")[2].partition("\n")[2]
    return re.split(r"\n[^\n]+\n====", body)[0]


def files_of_rules() -> list[tuple[int, Path]]:
    rows = re.findall(r"^ +R(\d+) (.*)$", part("Rule → file"), re.MULTILINE)
    return [
        (int(rule), (ROOT / "streams" if name.startswith("agents/") else ENGINE) / name)
        for rule, row in rows
        for name in re.findall(r"[\w/]+\.py", row)
    ]


def rules_in(path: Path) -> set[int]:
    return {int(number) for number in re.findall(r"\bR(\d+)\b", path.read_text())}


def test_each_rule_of_the_law_has_its_file() -> None:
    assert {rule for rule, _ in files_of_rules()} == LAW


@pytest.mark.parametrize(("rule", "path"), files_of_rules())
def test_the_file_of_a_rule_names_it(rule: int, path: Path) -> None:
    assert rule in rules_in(path)


def test_no_file_names_a_rule_that_the_law_does_not_have() -> None:
    for path in ENGINE.rglob("*.py"):
        assert rules_in(path) <= LAW, path


def test_the_fast_path_says_of_which_rules_it_takes_care() -> None:
    """Those that are not in its table play no part: they are about scripts' contexts, verdicts or definitions."""
    source = (ENGINE / "rules" / "fast_path.py").read_text()
    table = (ast.get_docstring(ast.parse(source)) or "").partition("left to the general way\n")[2]
    stated = {
        int(number)
        for head in re.findall(r"^ +((?:R\d+,? )+)", table, re.MULTILINE)
        for number in re.findall(r"\d+", head)
    }
    assert stated | {1, 3, 5, 12, 13, 16, 17, 21} == LAW


def commands() -> dict[str, set[str]]:
    """Return file → the functions that may change a run."""
    text = THEORY.partition("Who may change a run:")[2].partition("Run status")[0]
    return {
        file: set(re.findall(r"\b[a-z_]+\b", re.sub(r"\(.*?\)", "", names)))
        for file, names in re.findall(r"^ +([\w/]+\.py) +(.*)$", text, re.MULTILINE)
    }


def test_commands_are_where_the_theory_says() -> None:
    for file, names in commands().items():
        tree = ast.parse((ENGINE / file).read_text())
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert names <= defined, file


def test_only_commands_change_a_run() -> None:
    """A file that writes to a run has a command; one that has none only reads."""
    writing = {
        str(path.relative_to(ENGINE))
        for path in ENGINE.rglob("*.py")
        if WRITES.search(path.read_text())
    }
    assert writing - {"run/run.py", "run/entries.py"} <= set(commands())
    assert {"rules/judging.py", "rules/owed.py", "run/intake.py"} <= writing


def test_public_readers_of_the_rules_write_nothing() -> None:
    for file, names in commands().items():
        if not file.startswith("rules/"):
            continue
        source = (ENGINE / file).read_text()
        for node in ast.parse(source).body:
            is_public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if isinstance(node, ast.FunctionDef) and is_public and node.name not in names:
                assert not WRITES.search(ast.get_source_segment(source, node) or ""), node.name


def run_changes() -> set[tuple[str | None, str]]:
    rows = re.findall(r"^ +(\w+) +→ (\w+)", part("Run status"), re.MULTILINE)
    return {(None if before == "undecided" else before, after) for before, after in rows}


def node_changes() -> dict[str, set[str]]:
    rows = re.findall(r"^ +(\w+) .*→ (.*)$", part("Node status"), re.MULTILINE)
    every = set(get_args(NodeStatus))
    return {
        status: every if following == "any" else set(following.split(", "))
        for status, following in rows
    }


def test_every_status_is_in_its_table() -> None:
    assert {after for _, after in run_changes()} == set(get_args(RunStatus))
    assert set(node_changes()) == set(get_args(NodeStatus))


def node_statuses(log: Log) -> dict[str, str]:
    """Return how the nodes of the only run stand now, with or without a verdict that says so."""
    [(key, stored)] = log.stored().items()
    run, now = decode_run(key, stored, log.definitions), log.stream_time_ns
    decision = decision_at(run, now)
    shown = Decision(decision.status or "passed", decision.causes, decision.absent)
    return statuses(build_verdict(run, shown, now, "event", ("events", 0, 0)))


@given(cases())
@settings(max_examples=30)
def test_statuses_change_as_the_tables_say(case: tuple[dict[str, Any], list[Arrival]]) -> None:
    definition, arrivals = case
    log = Log(definition)
    seen: list[dict[str, str]] = []
    for arrival in arrivals:
        log.judge([log.record(*arrival)])
        if len(log.stored()) == 1:
            seen.append(node_statuses(log))
    for before, after in pairwise(seen):
        for node in before.keys() & after.keys():
            assert after[node] == before[node] or after[node] in node_changes()[before[node]]
    log.run_on(log.stream_time_ns // NS_PER_MS - START_MS + 1_000)
    for verdict in log.verdicts:
        assert (verdict["previous_status"], verdict["status"]) in run_changes()
