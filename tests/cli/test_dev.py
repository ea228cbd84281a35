from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import orjson
import psutil
import pytest

from schemas.partitioning import murmur2_partition
from schemas.topics import EVENTS
from tests.support.command_line import FLOW
from tests.support.topic_records import Sent, write
from tests.support.traffic import event

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.command_line import Duly

EXIT_TIMEOUT_S = 20


@contextmanager
def dev(*arguments: str | Path) -> Generator[subprocess.Popen[str]]:
    """Run `duly dev` in a process group of its own, as a terminal does; stderr joins stdout."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "dev", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
        env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1", "DULY_WEB_PORT": "0"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(part: str, output: IO[str] | None) -> str:
    """Return the line that has a part, waiting for it."""
    assert output is not None
    said = ""
    for line in output:
        said += line
        if part in line:
            return line
    raise AssertionError(f"no line has {part!r}:\n{said}")


def send(*nodes: str) -> None:
    now = time.time_ns()
    partition = murmur2_partition(b"run-1", 2)
    write(
        Sent(EVENTS, partition, b"run-1", orjson.dumps(event("f", node, "run-1", now)))
        for node in nodes
    )


def test_flows_are_applied_as_they_change_and_verdicts_are_shown(
    broker: str, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("flow: f\nnodes: [{id: a}]\n")
    with dev(tmp_path) as process:
        read_until(f"export DULY_BROKER={broker}", process.stdout)
        first = read_until("flow     f@", process.stdout)
        assert first.endswith(f"is in force, as {path} says\n")
        path.write_text("flow: f\nnodes: [{id: a}, {id: a}]\n")
        read_until(f"error: {path}:2: node a: id: node 'a' is defined twice", process.stdout)
        path.write_text("flow: f\nnodes: [{id: a}, {id: b, dep_ids: [a]}]\n")
        second = read_until("flow     f@", process.stdout)
        assert second != first
        (tmp_path / "g.yml").write_text("flow: g\nnodes: [{id: a}]\n")
        read_until("flow     g@", process.stdout)
        send("a", "b")
        assert "✓ passed     f/run-1" in read_until("run-1", process.stdout)
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=EXIT_TIMEOUT_S)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert children
    assert not [child for child in children if child.is_running()]


@pytest.mark.usefixtures("broker")
def test_a_script_that_does_not_compile_is_told(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(FLOW.replace('data["x"] == 1', "import os"))
    with dev(path) as process:
        reason = read_until("error: ", process.stdout)
        assert reason.startswith(f"error: {path}:8: node b: validator.script: cannot be used: ")
        path.write_text(FLOW)
        read_until("flow     f@", process.stdout)


@pytest.mark.usefixtures("broker")
def test_a_worker_that_dies_ends_the_session_with_its_last_words() -> None:
    with dev() as process:
        read_until("partitions assigned", process.stdout)
        (worker,) = (
            child
            for child in psutil.Process(process.pid).children()
            if "faust" in " ".join(child.cmdline())
        )
        worker.kill()
        said, _ = process.communicate(timeout=EXIT_TIMEOUT_S)
    assert process.returncode == 4
    assert "error: the worker ended:\n" in said


def test_a_path_that_is_not_there_is_a_usage_error(duly: Duly, tmp_path: Path) -> None:
    result = duly("dev", tmp_path / "flows")
    assert result.exit_code == 2
    assert "there is no " in result.stderr
