from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import orjson
import pytest
from aiokafka import AIOKafkaProducer

import schemas
from schemas.ids import verdict_id
from schemas.topics import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.command_line import Duly

GOLDEN = json.loads(
    (Path(schemas.__file__).parent / "examples/verdict/valid/failed.json").read_text()
)


def verdict(run_id: str, status: str = "passed", *, flow: str = "shop", revision: int = 1) -> Any:
    said = {"flow": flow, "run_id": run_id, "status": status, "revision": revision}
    causes: list[Any] = GOLDEN["causes"] if status == "failed" else []
    known_by = verdict_id(flow, run_id, GOLDEN["opened_at_ns"], revision)
    return GOLDEN | said | {"verdict_id": known_by, "causes": causes}


def write(broker: str, topic_prefix: str, values: Iterable[Any]) -> None:
    """Append verdicts, or bytes as they are, to the verdict topic."""

    async def send() -> None:
        producer: Any = AIOKafkaProducer(bootstrap_servers=broker)
        async with producer:
            for value in values:
                data = value if isinstance(value, bytes) else orjson.dumps(value)
                await producer.send_and_wait(topic_prefix + VERDICTS.name, data, partition=0)

    asyncio.run(send())


def runs(stdout: str) -> list[tuple[str, str]]:
    return [(v["run_id"], v["status"]) for v in map(json.loads, stdout.splitlines())]


def test_from_the_beginning_each_verdict_is_shown_once(
    topics: str, topic_prefix: str, duly: Duly
) -> None:
    one, two = verdict("one"), verdict("one", "failed", revision=2)
    write(topics, topic_prefix, [one, two, one, two, verdict("two")])
    result = duly("verdicts", "--from-beginning", "--count", "3", "--timeout", "30")
    assert result.exit_code == 0
    assert runs(result.stdout) == [("one", "passed"), ("one", "failed"), ("two", "passed")]
    assert orjson.loads(result.stdout.splitlines()[1]) == two


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        (["--flow", "shop"], ["one", "two"]),
        (["--flow", "shop", "--flow", "other"], ["one", "two", "three"]),
        (["--status", "failed"], ["two"]),
        (["--status", "failed", "--status", "incomplete"], ["two", "three"]),
        (["--run", "three"], ["three"]),
        (["--run", "three", "--flow", "shop"], []),
    ],
)
def test_filters_choose_by_flow_status_and_run(
    topics: str, topic_prefix: str, duly: Duly, filters: list[str], shown: list[str]
) -> None:
    values = [
        verdict("one"),
        verdict("two", "failed"),
        verdict("three", "incomplete", flow="other"),
    ]
    write(topics, topic_prefix, values)
    count = ["--count", str(len(shown)), "--timeout", "30"] if shown else ["--timeout", "1.5"]
    result = duly("verdicts", "--from-beginning", *filters, *count)
    assert [run_id for run_id, _ in runs(result.stdout)] == shown
    assert result.exit_code == (0 if shown else 3)


def test_fail_asks_for_exit_1_as_soon_as_a_verdict_failed(
    topics: str, topic_prefix: str, duly: Duly
) -> None:
    write(topics, topic_prefix, [verdict("one"), verdict("two", "failed"), verdict("three")])
    result = duly("verdicts", "--from-beginning", "--fail", "--timeout", "30")
    assert result.exit_code == 1
    assert runs(result.stdout) == [("one", "passed"), ("two", "failed")]


@pytest.mark.parametrize(("options", "exit_code"), [([], 0), (["--count", "2"], 3)])
def test_a_timeout_is_exit_3_only_if_something_is_missing(
    topics: str, topic_prefix: str, duly: Duly, options: list[str], exit_code: int
) -> None:
    write(topics, topic_prefix, [verdict("one")])
    result = duly("verdicts", "--from-beginning", "--timeout", "1.5", *options)
    assert runs(result.stdout) == [("one", "passed")]
    assert result.exit_code == exit_code
    assert ("no further verdict came within 1.5 s" in result.stderr) == (exit_code == 3)


def test_what_is_no_verdict_is_left_out_and_told(
    topics: str, topic_prefix: str, duly: Duly
) -> None:
    values = [b"nonsense", b"[]", b"{}", verdict("new") | {"v": 2}, verdict("one")]
    write(topics, topic_prefix, values)
    result = duly("verdicts", "--from-beginning", "--count", "1", "--timeout", "30")
    assert runs(result.stdout) == [("one", "passed")]
    topic = topic_prefix + VERDICTS.name
    for offset in range(4):
        place = f"error: {topic}, partition 0, offset {offset}: not a verdict of version 1\n"
        assert place in result.stderr


def started(*options: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start `duly verdicts` and return when it misses nothing any more."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "verdicts", *options],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "30"},
    )
    assert cast("BinaryIO", process.stderr).readline() == b"following the verdicts\n"
    return process


def test_without_from_beginning_only_what_comes_from_now_on_is_shown(
    topics: str, topic_prefix: str
) -> None:
    write(topics, topic_prefix, [verdict("old")])
    process = started("--count", "1")
    write(topics, topic_prefix, [verdict("new")])
    stdout, stderr = process.communicate()
    assert runs(stdout.decode()) == [("new", "passed")]
    assert (process.returncode, stderr) == (0, b"")


@pytest.mark.usefixtures("topics")
def test_ctrl_c_ends_following_without_a_word() -> None:
    process = started()
    process.send_signal(signal.SIGINT)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 130


def test_a_terminal_gets_a_table(topics: str, topic_prefix: str) -> None:
    ours, theirs = pty.openpty()
    process = started("--count", "2", stdout=theirs)
    os.close(theirs)
    write(topics, topic_prefix, [verdict("one"), verdict("[bold]two", "failed")])
    shown = b""
    with suppress(OSError):  # how a terminal says that nobody writes any more
        while piece := os.read(ours, 10_000):
            shown += piece
    os.close(ours)
    process.communicate()
    assert process.returncode == 0
    screen = shown.decode()
    assert "✓ passed" in screen
    assert "[bold]two" in screen
    assert GOLDEN["causes"][0]["message"][:20] in screen
