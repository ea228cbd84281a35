"""`duly replay --topic`, on what a real worker has judged."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest

from schemas.topics import DEFINITIONS, EVENTS, VERDICTS
from schemas.units import NS_PER_MS
from streams.kafka.topics import full_name
from tests.support.deployment import Deployment
from tests.support.topic_records import Sent, read, write
from tests.support.traffic import event, run_on

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from streams.settings.worker import WorkerSettings
    from tests.support.command_line import Duly
    from tests.support.shared_kafka import SharedKafka

pytestmark = pytest.mark.xdist_group("topic-replay")  # one worker process for all of them

PARTITION = 1
PATIENCE_S = 20

PAIR = """\
flow: pair
grace_ms: 200
nodes:
  - id: a
  - id: b
    dep_ids: [a]
    conditions: [{timeout_ms: 500}]
    validator: {engine: python, script: 'data["x"] == 1'}
"""
TRIO = """\
flow: trio
grace_ms: 200
nodes:
  - id: a
  - id: b
    dep_ids: [a]
  - id: c
    dep_ids: [b]
"""


class Judged(NamedTuple):
    """An installation whose worker has judged some runs, and has ended."""

    deployment: Deployment
    topic: str
    middle: str
    """An instant; some runs began before it and had events behind it."""
    runs: dict[str, str]


@pytest.fixture(scope="module")
def judged(kafka: SharedKafka, tmp_path_factory: pytest.TempPathFactory) -> Generator[Judged]:
    """Runs of every outcome, on one partition, so that the time of each passes in all."""
    deployment = Deployment(kafka.bootstrap, tmp_path_factory.mktemp("replay"))
    deployment.create_topics()
    deployment.publish(PAIR, TRIO)
    worker = deployment.worker()
    with pytest.MonkeyPatch.context() as environment:
        use(deployment, environment)
        worker.start()
        try:
            worker.wait_until_ready()
            yield let_things_happen(deployment)
        finally:
            worker.close()
            deployment.remove()


def use(deployment: Deployment, environment: pytest.MonkeyPatch) -> None:
    for name, value in deployment.environment.items():
        environment.setenv(name, value)


def let_things_happen(deployment: Deployment) -> Judged:
    settings = deployment.settings
    names = ("good", "wrong", "slow", "absent", "cut", "cut-open")
    runs = {name: run_on(PARTITION, name, settings) for name in names}
    at_ns = time.time_ns()
    send(
        happened("pair", "a", runs["good"], at_ns),
        happened("pair", "b", runs["good"], at_ns, x=1),
        happened("trio", "a", runs["cut"], at_ns),
        happened("trio", "a", runs["cut-open"], at_ns),
    )
    middle_ms = read(EVENTS)[-1].timestamp + 1
    while time.time_ns() < middle_ms * NS_PER_MS:
        continue
    send(
        happened("trio", "b", runs["cut"], at_ns),
        happened("trio", "c", runs["cut"], at_ns),
        happened("trio", "b", runs["cut-open"], at_ns),
        happened("pair", "a", runs["wrong"], at_ns),
        happened("pair", "b", runs["wrong"], at_ns, x=2),
        happened("pair", "a", runs["slow"], at_ns - 900 * NS_PER_MS),
        happened("pair", "b", runs["slow"], at_ns, x=1),
        happened("pair", "a", runs["absent"], at_ns),
        Sent(EVENTS, PARTITION, b"nobody", b"no event"),
    )
    await_verdict_on(runs["absent"])
    middle = str(middle_ms * NS_PER_MS)
    return Judged(deployment, full_name(EVENTS, settings), middle, runs)


def happened(flow: str, node: str, run_id: str, at_ns: int, **data: Any) -> Sent:
    value = orjson.dumps(event(flow, node, run_id, at_ns, data=data))
    return Sent(EVENTS, PARTITION, run_id.encode(), value)


def send(*records: Sent) -> None:
    write(records)


def await_verdict_on(run_id: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not any(record.key == run_id.encode() for record in read(VERDICTS)):
        assert time.monotonic() < until, f"no verdict on {run_id}"


@pytest.fixture
def live(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> Judged:
    """The same, with its settings in the environment of the command."""
    use(judged.deployment, monkeypatch)
    # The topic says which installation is meant.
    monkeypatch.delenv("DULY_TOPIC_PREFIX")
    return judged


@pytest.fixture
def unjudged(
    kafka: SharedKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[WorkerSettings]:
    """An installation with a run that no worker has judged."""
    deployment = Deployment(kafka.bootstrap, tmp_path)
    deployment.create_topics()
    use(deployment, monkeypatch)
    deployment.publish(PAIR)
    run_id, at_ns = run_on(PARTITION, "run", deployment.settings), time.time_ns()
    send(happened("pair", "a", run_id, at_ns), happened("pair", "b", run_id, at_ns, x=1))
    yield deployment.settings
    deployment.remove()


def statuses(stdout: str, judged: Judged) -> dict[str, str]:
    """Return run → its status, by the names that the tests gave the runs."""
    names = {run_id: name for name, run_id in judged.runs.items()}
    return {names[v["run_id"]]: v["status"] for v in map(json.loads, stdout.splitlines())}


def test_the_verdicts_are_those_of_the_worker_line_by_line(duly: Duly, live: Judged) -> None:
    result = duly("replay", "--topic", live.topic)
    assert result.exit_code == 0, result.stderr
    assert statuses(result.stdout, live) == {
        "good": "passed",
        "wrong": "failed",
        "slow": "failed",
        "cut": "passed",
        "absent": "failed",
    }
    verdicts = live.topic.replace(EVENTS.name, VERDICTS.name)
    assert result.stderr == (
        f"verdicts: 3 failed, 2 passed\nthe same, line by line, as on {verdicts}\n"
    )


def test_the_lines_are_the_bytes_of_the_verdict_topic(
    duly: Duly, live: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = duly("replay", "--topic", live.topic)
    use(live.deployment, monkeypatch)
    assert result.stdout.encode().splitlines() == [record.value for record in read(VERDICTS)]


def test_runs_that_began_before_from_are_left_out(duly: Duly, live: Judged) -> None:
    result = duly("replay", "--topic", live.topic, "--from", live.middle)
    assert result.exit_code == 0, result.stderr
    assert set(statuses(result.stdout, live)) == {"wrong", "slow", "absent"}
    assert "the same, line by line, as on " in result.stderr
    assert "not compared" in result.stderr


def test_what_was_recorded_at_until_or_later_is_left_out(duly: Duly, live: Judged) -> None:
    result = duly("replay", "--topic", live.topic, "--until", live.middle)
    assert result.exit_code == 0, result.stderr
    assert statuses(result.stdout, live) == {"good": "passed"}


def test_fail_asks_for_exit_1_if_a_run_failed(duly: Duly, live: Judged) -> None:
    assert duly("replay", "--topic", live.topic, "--fail").exit_code == 1
    until = ["--until", live.middle]
    assert duly("replay", "--topic", live.topic, "--fail", *until).exit_code == 0


def test_what_a_worker_did_not_say_is_told_and_exit_1(duly: Duly, unjudged: WorkerSettings) -> None:
    result = duly("replay", "--topic", full_name(EVENTS, unjudged))
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == "passed"
    assert "error: lost: pair/run-" in result.stderr
    assert result.stderr.endswith(": 1 implied by the log, never written\n")


def test_a_record_that_is_no_verdict_is_told_and_exit_1(
    duly: Duly, unjudged: WorkerSettings
) -> None:
    send(Sent(VERDICTS, PARTITION, b"k", b"nonsense"))
    result = duly("replay", "--topic", full_name(EVENTS, unjudged))
    assert result.exit_code == 1
    assert "error: unexpected: a record: it is not a verdict (" in result.stderr


def test_a_record_that_is_no_definition_is_noted(duly: Duly, unjudged: WorkerSettings) -> None:
    send(Sent(DEFINITIONS, 0, b"pair", b"nonsense"))
    result = duly("replay", "--topic", full_name(EVENTS, unjudged))
    assert "note: definitions, offset 2: left out: " in result.stderr


def changed(tmp_path: Path, *, timeout_ms: int = 500, x: int = 1) -> Path:
    path = tmp_path / "new.yaml"
    path.write_text(PAIR.replace("500", str(timeout_ms)).replace("== 1", f"== {x}"))
    return path


def test_compare_says_which_runs_would_change_and_how(
    duly: Duly, live: Judged, tmp_path: Path
) -> None:
    path = changed(tmp_path, timeout_ms=2000)
    result = duly("replay", "--topic", live.topic, "--flow", path, "--compare")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"pair/{live.runs['slow']}, opened 20")
    assert lines[1].startswith("    before  ✗ failed: b: came 400 ms too late")
    assert lines[2:] == ["    after   ✓ passed"]
    assert result.stderr == "1 of 4 runs would change: 1 failed → passed\n"


def test_compare_judges_scripts_anew(duly: Duly, live: Judged, tmp_path: Path) -> None:
    path = changed(tmp_path, x=2)
    options = ["--flow", path, "--compare", "--json"]
    told = json.loads(duly("replay", "--topic", live.topic, *options).stdout)
    names = {run_id: name for name, run_id in live.runs.items()}
    changes = {names[change["run_id"]]: change for change in told["changes"]}
    assert (told["runs"], told["changed"], set(changes)) == (4, 3, {"good", "wrong", "slow"})
    assert [said["status"] for said in changes["wrong"]["after"]] == ["passed"]
    assert changes["good"]["after"][0]["reasons"][0].startswith("b: ")


def test_compare_finds_nothing_where_nothing_changes(
    duly: Duly, live: Judged, tmp_path: Path
) -> None:
    options = ["--flow", changed(tmp_path), "--compare", "--fail"]
    result = duly("replay", "--topic", live.topic, *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "none of 4 runs would change\n"


def test_compare_leaves_out_runs_that_began_before_from(
    duly: Duly, live: Judged, tmp_path: Path
) -> None:
    path = tmp_path / "trio.yaml"
    path.write_text(TRIO.replace("dep_ids: [b]", "dep_ids: [a]"))
    options = ["--flow", path, "--compare", "--from", live.middle]
    result = duly("replay", "--topic", live.topic, *options)
    assert result.stdout == ""
    assert result.stderr == (
        "left out: 2 runs that began before --from\nnone of 0 runs would change\n"
    )


def test_compare_with_fail_asks_for_exit_1_if_a_run_changes(
    duly: Duly, live: Judged, tmp_path: Path
) -> None:
    options = ["--flow", changed(tmp_path, timeout_ms=2000), "--compare", "--fail"]
    assert duly("replay", "--topic", live.topic, *options).exit_code == 1


def test_a_script_that_does_not_compile_is_refused(
    duly: Duly, live: Judged, tmp_path: Path
) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(PAIR.replace('data["x"] == 1', "import os"))
    result = duly("replay", "--topic", live.topic, "--flow", path, "--compare")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{path}:8: node b: validator.script: cannot be used: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give either a file of events or --topic"),
        (["events.jsonl", "--topic", "flow-events.v1"], "give either a file of events or --topic"),
        (["events.jsonl", "--from", "2026-01-01"], "--from and --compare go with --topic"),
        (["events.jsonl", "--compare"], "--from and --compare go with --topic"),
        (["--topic", "flow-events.v1", "--skip-bad"], "--skip-bad goes with a file of events"),
        (["--topic", "flow-events.v1", "--flow", "x.yaml"], "--flow and --compare go together"),
        (["--topic", "flow-events.v1", "--compare"], "--flow and --compare go together"),
        (["--topic", "orders"], "'orders' is no events topic: its name must end in flow-events.v1"),
        (["--topic", "flow-events.v1", "--from", "soon"], "'soon' is neither nanoseconds since"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(
    duly: Duly, arguments: list[str], reason: str
) -> None:
    result = duly("replay", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr


@pytest.mark.usefixtures("broker")
def test_a_topic_that_is_not_there_is_exit_4(duly: Duly) -> None:
    result = duly("replay", "--topic", "nowhere.flow-events.v1")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "there is no topic nowhere.flow-events.v1 on " in result.stderr
