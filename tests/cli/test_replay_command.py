from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.recorded_lines import clock, event, ns

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Duly

GOOD = [event("a", 0), event("b", 10, data={"x": 1})]
WRONG = [event("a", 0), event("b", 10, data={"x": 2})]
HEALED = [event("a", 0), clock(2000), event("b", 900, data={"x": 1}, recorded_at=ns(2100))]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def verdicts(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_verdicts_are_lines_of_json_on_stdout_and_the_sum_is_on_stderr(
    duly: Duly, flow_file: Path, recording: Path
) -> None:
    recording.write_text("\n".join(HEALED))
    result = duly("replay", "--flow", flow_file, recording)
    assert result.exit_code == 0
    assert [v["status"] for v in verdicts(result.stdout)] == ["failed", "passed"]
    assert result.stderr == "verdicts: 1 failed, 1 passed\n"


def test_a_recording_can_come_by_stdin(duly: Duly, flow_file: Path) -> None:
    result = duly("replay", "--flow", flow_file, "-", stdin="\n".join(GOOD))
    assert [v["status"] for v in verdicts(result.stdout)] == ["passed"]


def test_several_flows_are_judged_side_by_side(
    duly: Duly, flow_file: Path, tmp_path: Path, recording: Path
) -> None:
    other = tmp_path / "g.yaml"
    other.write_text("flow: g\nnodes: [{id: a}]")
    recording.write_text("\n".join([*GOOD, event("a", 20, flow="g", event_id="g")]))
    result = duly("replay", "--flow", flow_file, "--flow", other, recording)
    assert [(v["flow"], v["status"]) for v in verdicts(result.stdout)] == [
        ("f", "passed"),
        ("g", "passed"),
    ]


def test_scripts_run_in_the_sandbox(duly: Duly, flow_file: Path) -> None:
    result = duly("replay", "--flow", flow_file, "-", stdin="\n".join(WRONG))
    (verdict,) = verdicts(result.stdout)
    assert [(cause["node"], cause["kind"]) for cause in verdict["causes"]] == [("b", "validator")]


@pytest.mark.parametrize(
    ("until", "statuses"),
    [
        ("end", ["failed"]),
        ("last", []),
        (str(ns(1999)), []),
        ("2026-01-05T12:00:02Z", ["failed"]),
    ],
)
def test_until_says_where_time_stops(
    duly: Duly, flow_file: Path, until: str, statuses: list[str]
) -> None:
    result = duly("replay", "--flow", flow_file, "--until", until, "-", stdin=event("a", 0))
    assert [v["status"] for v in verdicts(result.stdout)] == statuses


def test_a_wrong_until_is_a_usage_error(duly: Duly, flow_file: Path) -> None:
    result = duly("replay", "--flow", flow_file, "--until", "soon", "-")
    assert result.exit_code == 2
    assert "'soon' is neither nanoseconds since 1970 nor ISO 8601" in result.stderr


@pytest.mark.parametrize(
    ("lines", "exit_code"), [(GOOD, 0), (WRONG, 1), (HEALED, 0), ([event("a", 0)], 1), ([], 0)]
)
def test_fail_asks_for_exit_1_if_a_run_ends_as_failed(
    duly: Duly, flow_file: Path, lines: list[str], exit_code: int
) -> None:
    result = duly("replay", "--flow", flow_file, "--fail", "-", stdin="\n".join(lines))
    assert result.exit_code == exit_code


def test_a_bad_line_ends_with_exit_2_its_number_and_the_reason(
    duly: Duly, flow_file: Path, recording: Path
) -> None:
    recording.write_text("\n".join([*GOOD, "{", event("a", 20)]))
    result = duly("replay", "--flow", flow_file, recording)
    assert result.exit_code == 2
    assert [v["status"] for v in verdicts(result.stdout)] == ["passed"]
    assert f"{recording}:3: not JSON" in result.stderr
    assert "--skip-bad" in result.stderr


def test_skip_bad_names_bad_lines_and_goes_on(duly: Duly, flow_file: Path, recording: Path) -> None:
    recording.write_text("\n".join([GOOD[0], "{", GOOD[1], "{}"]))
    result = duly("replay", "--flow", flow_file, "--skip-bad", recording)
    assert result.exit_code == 0
    assert [v["status"] for v in verdicts(result.stdout)] == ["passed"]
    assert f"{recording}:2: not JSON" in result.stderr
    assert f"{recording}:4: event_id: " in result.stderr
    assert "verdicts: 1 passed; bad lines left out: 2\n" in result.stderr


def test_a_refused_flow_file_ends_with_exit_2_file_line_node_and_reason(
    duly: Duly, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("flow: f\nnodes:\n  - id: a\n    dep_ids: [b]\n")
    result = duly("replay", "--flow", path, "-", stdin="")
    assert result.exit_code == 2
    assert f"{path}:4: node a: dep_ids[0]: depends on 'b'" in result.stderr
    assert result.stdout == ""


def test_a_script_that_does_not_compile_is_refused_too(duly: Duly, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        "flow: f\nnodes:\n  - id: a\n    validator:\n      engine: python\n      script: data[\n"
    )
    result = duly("replay", "--flow", path, "-", stdin="")
    assert result.exit_code == 2
    assert f"{path}:6: node a: validator.script: cannot be used: " in result.stderr


def test_a_recording_that_is_not_there_is_a_usage_error(duly: Duly, flow_file: Path) -> None:
    result = duly("replay", "--flow", flow_file, "nowhere.jsonl")
    assert result.exit_code == 2
    assert result.stderr == "error: nowhere.jsonl: cannot be read: No such file or directory\n"


def test_an_event_that_the_run_has_no_room_for_is_told(duly: Duly, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("flow: f\nmax_events_per_run: 1\nnodes: [{id: a}]")
    lines = [event("a", 0, event_id="1"), event("a", 1, event_id="2")]
    result = duly("replay", "--flow", path, "-", stdin="\n".join(lines))
    assert result.exit_code == 0
    assert "-:2: too_many_events: " in result.stderr


def test_flow_options_of_the_worker_count_here_too(
    duly: Duly, flow_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_GRACE_MS", "5000")
    result = duly("replay", "--flow", flow_file, "-", stdin=event("a", 0))
    assert verdicts(result.stdout)[0]["decided_at_ns"] == ns(6_000)


def test_a_reader_that_has_seen_enough_is_no_failure(flow_file: Path, recording: Path) -> None:
    recording.write_text(
        "\n".join(event("a", n, run_id=str(n), event_id=str(n)) for n in range(2_000))
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "replay", "--flow", flow_file, recording],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_terminal_gets_readable_lines_unless_json_is_asked_for(
    flow_file: Path, recording: Path, options: list[str]
) -> None:
    recording.write_text(event("a", 0))
    ours, theirs = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", "streams.cli", "replay", *options, "--flow", flow_file, recording],
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=True,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert process.stderr == b"verdicts: 1 failed\n"
    if options:
        assert json.loads(shown)["status"] == "failed"
    else:
        assert shown.startswith("12:00:02.000 ✗ failed     f/run-1  b: no event within 1 s after a")
