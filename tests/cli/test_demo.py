from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import psutil
import pytest

from streams.cli.local.setup import BrokerChoice
from streams.dev_broker import KINDS
from streams.kafka.topics import admin_client
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from collections.abc import Generator

# One worker of the test run for all of them: a demo shall not meet the topics of another.
pytestmark = pytest.mark.xdist_group("demo")

EXIT_TIMEOUT_S = 20


@contextmanager
def demo(*options: str) -> Generator[subprocess.Popen[str]]:
    """Run `duly demo` in a process group of its own, as a terminal does; stderr joins stdout."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
        env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(start: str, output: IO[str] | None) -> str:
    assert output is not None
    said = ""
    for line in output:
        said += line
        if line.startswith(start):
            return said
    raise AssertionError(f"no line starts with {start!r}:\n{said}")


async def demo_topics() -> set[str]:
    async with admin_client(load_worker_settings()) as admin:
        return {topic for topic in await admin.list_topics() if topic.startswith("duly-demo-")}


@pytest.fixture
def topics_before(broker: str) -> set[str]:
    """The topics of demos that were killed before."""
    return asyncio.run(demo_topics())


async def until_topics_are(expected: set[str]) -> None:
    """Wait for the broker, which removes topics soon after it was told to."""
    async with asyncio.timeout(EXIT_TIMEOUT_S):
        while await demo_topics() != expected:  # noqa: ASYNC110  # Kafka tells nobody
            await asyncio.sleep(0.1)


def test_every_kind_of_broker_can_be_asked_for() -> None:
    assert [kind.value for kind in BrokerChoice] == list(KINDS)


def test_the_demo_shows_every_kind_of_break_with_its_reason_and_leaves_nothing(
    broker: str, topics_before: set[str]
) -> None:
    with demo() as process:
        shown, _ = process.communicate(timeout=90)
    assert process.returncode == 0, shown
    assert f"broker   external on {broker}" in shown
    for pattern in (
        r"✓ passed     shop/order-0 ",
        r"✗ failed     shop/order-stuck  ship: no event within 2 s after pay ",
        r"✗ failed     shop/order-slow  ship: came \d+ ms too late",
        r"✗ failed     shop/order-hasty  ship: happened at .* before pay",
        r"✗ failed     shop/order-short  pay: ",
        r"… incomplete shop/order-left  missing: pay; unreached: ship, deliver",
        r"11 of 11 orders got the verdict that they deserve",
    ):
        assert re.search(pattern, shown), f"{pattern}\n{shown}"
    asyncio.run(until_topics_are(topics_before))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["broker   external", "worker   ", "shop     "])
def test_a_signal_at_any_time_ends_all_processes(
    topics_before: set[str], moment: str, number: signal.Signals
) -> None:
    with demo() as process:
        read_until(moment, process.stdout)
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, number)
        os.killpg(process.pid, number)  # as impatient people do
        said, _ = process.communicate(timeout=EXIT_TIMEOUT_S)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not [child for child in children if child.is_running()]
    asyncio.run(until_topics_are(topics_before))


@pytest.mark.usefixtures("broker")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a child to its parent")
def test_a_demo_that_is_killed_takes_its_processes_along() -> None:
    with demo() as process:
        read_until("shop     ", process.stdout)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        assert len(children) >= 2
        _, alive = psutil.wait_procs(children, timeout=EXIT_TIMEOUT_S)
    assert alive == []


@pytest.mark.usefixtures("broker")
def test_a_wrong_setting_ends_the_demo_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_START", "yesterday")
    with demo() as process:
        shown, _ = process.communicate(timeout=90)
    assert process.returncode == 2
    assert "error: DULY_START: must be earliest, latest or a time" in shown


@pytest.mark.usefixtures("broker")
def test_a_worker_that_dies_ends_the_demo_with_its_last_words() -> None:
    with demo() as process:
        said = read_until("shop     ", process.stdout)
        (worker,) = re.findall(r"^worker .* process (\d+)$", said, re.MULTILINE)
        os.kill(int(worker), signal.SIGKILL)
        shown, _ = process.communicate(timeout=EXIT_TIMEOUT_S)
    assert process.returncode == 4
    assert "error: the worker ended:\n" in shown


@pytest.mark.slow
def test_the_demo_needs_nothing_but_the_embedded_broker() -> None:
    with demo("--broker", "embedded") as process:
        shown, _ = process.communicate(timeout=90)
    assert process.returncode == 0, shown
    assert "broker   embedded on 127.0.0.1:" in shown
    assert "11 of 11 orders" in shown
