from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from streams.engine.definitions.definition import Definition, Options
from streams.engine.definitions.node import NODE_DEFAULTS
from streams.flows.changes import changes
from tests.cli.test_flow_graph import learned
from tests.support.command_line import FLOW
from tests.support.topic_records import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Duly

SCRIPT = {"engine": "python", "script": "True"}
OTHER = {"engine": "python", "script": "False"}
TRIGGER = "fired by a scenario: no run owes it, and what depends on it is judged like a root"


def within(timeout_ms: int) -> dict[str, Any]:
    """Return the field of a node that must come so soon."""
    return {"conditions": [{"timeout_ms": timeout_ms}]}


def flow(*nodes: dict[str, Any], **options: Any) -> Definition:
    return Definition("f", published=nodes, options=options)


def node(**given: Any) -> Definition:
    """Return a flow of `a`, and `b` with the fields given."""
    return flow({"id": "a"}, {"id": "b", **given})


@pytest.mark.parametrize(
    ("field", "before", "after", "meaning"),
    [
        ("type", {}, {"type": "act"}, "judged alike"),
        ("type", {}, {"type": "trigger"}, TRIGGER),
        ("type", {"type": "trigger"}, {}, "no longer a trigger: owed like any other node"),
        ("dep_ids", {}, {"dep_ids": ["a"]}, "must come after a, or the run fails"),
        ("dep_ids", {"dep_ids": ["a"]}, {}, "no longer depends on a"),
        ("dep_ids", {"dep_ids": ["a"]}, {"dep_ids": ["a", "a"]}, "judged alike, but for the order in `ctx`"),
        ("dep_mode", {}, {"dep_mode": "any"}, "one of its dependencies is enough"),
        ("dep_mode", {"dep_mode": "any"}, {}, "needs all of its dependencies"),
        ("filter", {}, {"filter": SCRIPT}, "events that it denies do not count"),
        ("filter", {"filter": SCRIPT}, {}, "every event counts"),
        ("validator", {}, {"validator": SCRIPT}, "each event must satisfy it"),
        ("validator", {"validator": SCRIPT}, {"validator": OTHER}, "each event must satisfy it, by another script"),
        ("validator", {"validator": SCRIPT}, {}, "its events are not checked"),
        ("timeout_ms", {}, within(5000), "must come within 5 s: later or absent, the run fails"),
        ("timeout_ms", within(1), within(5000), "must come within 5 s: longer than before"),
        ("timeout_ms", within(9000), within(5000), "must come within 5 s: less than before"),
        ("timeout_ms", within(1), {}, "has no deadline: its absence shows when the window closes"),
        ("required", {}, {"required": False}, "may be skipped"),
        ("required", {"required": False}, {}, "a run without it does not pass"),
        ("branch", {}, {"branch": "x"}, "a run owes one of the branch 'x', not all of it"),
        ("branch", {"branch": "x"}, {}, "no alternative any more: owed by itself"),
        ("exclusive", {}, {"exclusive": True}, "two of its branch fail a run"),
        ("exclusive", {"exclusive": True}, {}, "several of its branch may come"),
        ("ends_run", {}, {"ends_run": True}, "its event ends what a run owes"),
        ("ends_run", {"ends_run": True}, {}, "its event ends nothing"),
        ("description", {}, {"description": "x"}, "for people: judged alike"),
        ("additional_meta", {}, {"additional_meta": {"a": 1}}, "for people: judged alike"),
    ],
)  # fmt: skip
def test_each_field_of_a_node_has_its_meaning(
    field: str, before: dict[str, Any], after: dict[str, Any], meaning: str
) -> None:
    (change,) = changes(node(**before), node(**after))
    assert (change.node, change.field, change.meaning) == ("b", field, meaning)


def test_no_field_of_a_node_is_without_a_meaning() -> None:
    anything: dict[str, Any] = {
        "type": "act",
        "dep_ids": ["a"],
        "dep_mode": "any",
        "filter": SCRIPT,
        "validator": SCRIPT,
        "conditions": [{"timeout_ms": 1}],
        "required": False,
        "branch": "x",
        "exclusive": True,
        "ends_run": True,
        "description": "x",
        "additional_meta": {},
    }
    assert set(anything) == set(NODE_DEFAULTS)
    found = {change.field for change in changes(node(), node(**anything))}
    assert found == set(NODE_DEFAULTS) - {"conditions"} | {"timeout_ms"}


@pytest.mark.parametrize(
    ("options", "meaning"),
    [
        ({"window_ms": 30_000}, "a run's window closes after 30 s without a new event"),
        ({"max_open_ms": 60_000}, "no run is open for longer than 1 min"),
        ({"settle_ms": 0}, "a run that taught its own flow passes after 0 ms without an event"),
        ({"grace_ms": 2_000}, "an event waits 2 s for its dependencies; a timeout fires 2 s after its deadline"),
        ({"clock_tolerance_ms": 1}, "a dependency may be 1 ms later than what depends on it"),
        ({"forget_after_ms": 86_400_000}, "a closed run is remembered for 1 d"),
        ({"closed": True}, "an event of a node that is not listed fails its run"),
        ({"max_events_per_run": 7}, "a run takes its first 7 events"),
    ],
)  # fmt: skip
def test_each_option_has_its_meaning(options: dict[str, Any], meaning: str) -> None:
    ((name, value),) = options.items()
    (change,) = changes(flow({"id": "a"}), flow({"id": "a"}, **options))
    usual = getattr(Options(), name)
    assert change == (None, name, usual, value, meaning)


def test_a_flow_that_is_no_longer_closed_says_so() -> None:
    (change,) = changes(flow({"id": "a"}, closed=True), flow({"id": "a"}))
    assert change.meaning == "an event of a node that is not listed is judged when it comes"


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        ({}, "every run owes it"),
        (
            {"dep_ids": ["a"]} | within(2000),
            "every run owes it after a, within 2 s",
        ),
        ({"required": False}, "may come: no run owes it"),
        ({"type": "trigger"}, "fired by a scenario: no run owes it"),
        ({"ends_run": True}, "its event ends what a run owes"),
        ({"branch": "x", "dep_ids": ["a"]}, "one way of the branch 'x' after a"),
    ],
)
def test_a_node_that_came_says_who_owes_it(given: dict[str, Any], meaning: str) -> None:
    (change,) = changes(flow({"id": "a"}), flow({"id": "a"}, {"id": "b", **given}))
    assert change == ("b", None, None, {"id": "b", **given}, meaning)


@pytest.mark.parametrize(
    ("closed", "meaning"),
    [
        (True, "no run owes it, and its event fails a run: the flow is closed"),
        (False, "no run owes it; its events are judged by what they teach"),
    ],
)
def test_a_node_that_went_says_what_its_events_do(closed: bool, meaning: str) -> None:
    after = flow({"id": "a"}, closed=closed)
    (change,) = changes(flow({"id": "a"}, {"id": "b"}, closed=closed), after)
    assert change == ("b", None, {"id": "b"}, None, meaning)


def test_two_files_are_compared_without_a_broker(
    duly: Duly, flow_file: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(
        FLOW.replace("10000", "20000")
        .replace("timeout_ms: 1000", "timeout_ms: 3000")
        .replace("'data[\"x\"] == 1'", '"def check(data, ctx):\\n    return True"')
        + "  - id: c\n    required: false\n"
    )
    result = duly("flow", "diff", flow_file, new)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"{flow_file} → {new}\n"
        "~ window_ms: 10 s → 20 s\n"
        "    a run's window closes after 20 s without a new event\n"
        "~ b\n"
        "    validator:\n"
        '        - python: data["x"] == 1\n'
        "        + python:\n"
        "        + def check(data, ctx):\n"
        "        +     return True\n"
        "        each event must satisfy it, by another script\n"
        "    timeout_ms: 1 s → 3 s\n"
        "        must come within 3 s: longer than before\n"
        "+ c\n"
        "    may come: no run owes it\n"
    )


def test_fail_asks_for_exit_1_if_there_is_a_difference(
    duly: Duly, flow_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FLOW.replace("10000", "20000"))
    assert duly("flow", "diff", "--fail", flow_file, other).exit_code == 1
    same = duly("flow", "diff", "--fail", flow_file, flow_file)
    assert (same.exit_code, same.stdout) == (0, f"{flow_file} → {flow_file}\nthe same\n")


def test_what_only_reads_otherwise_is_judged_alike(
    duly: Duly, flow_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FLOW.replace("[{timeout_ms: 1000}]", "[{timeout_ms: 0}, {timeout_ms: 1000}]"))
    result = duly("flow", "diff", flow_file, other)
    assert result.stdout.endswith("\njudged alike, though not the same in writing\n")


@pytest.mark.usefixtures("topics")
def test_versions_of_the_broker_are_compared_with_what_was_learned(
    duly: Duly, flow_file: Path
) -> None:
    old = duly("flow", "apply", flow_file).stdout.strip()
    write([learned("f", id="c")])
    told = json.loads(duly("flow", "diff", old, "f", "--json").stdout)
    assert told["before"] == old
    assert told["changes"] == [
        {
            "node": "c",
            "field": None,
            "before": None,
            "after": {"id": "c"},
            "meaning": "learned from events: judged when it comes, owed by no run",
        }
    ]


@pytest.mark.usefixtures("topics")
def test_a_file_is_compared_with_what_was_published_alone(duly: Duly, flow_file: Path) -> None:
    duly("flow", "apply", flow_file)
    write([learned("f", id="c"), learned("f", id="b", required=False)])
    result = duly("flow", "diff", "f", flow_file)
    assert result.stdout.endswith(f" → {flow_file}\nthe same\n")


def test_two_flows_may_be_compared_and_that_is_told(
    duly: Duly, flow_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "g.yaml"
    other.write_text(FLOW.replace("flow: f", "flow: g"))
    result = duly("flow", "diff", flow_file, other)
    assert result.stderr == "note: these are two flows, f and g\n"
