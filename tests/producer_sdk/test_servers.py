"""Hosts that patch or fork what a library stands on: gevent, and gunicorn with each kind of worker."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.producer_sdk.events_topic import EventsTopic
from tests.producer_sdk.test_processes import run_well
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.shared_kafka import SharedKafka

_START_S = 30.0
_END_S = 30.0
REQUESTS = 60


@pytest.fixture
def topic(kafka: SharedKafka, topic_prefix: str) -> EventsTopic:
    """An events topic."""
    topic = EventsTopic(kafka.bootstrap, topic_prefix)
    topic.create()
    return topic


def test_a_gevent_host_is_not_held_up_and_its_greenlets_deliver(topic: EventsTopic) -> None:
    run_well(
        """
from gevent import monkey
monkey.patch_all()
import gevent, time
from producer_sdk import act, flush, initialize
initialize()
turns = 0

def count_turns():
    global turns
    while True:
        turns += 1
        gevent.sleep(0.001)

def record(number):
    for step in range(10):
        act(f"step-{number}-{step}", "checkout", f"order-{number}")
        gevent.sleep(0)

counting = gevent.spawn(count_turns)
gevent.joinall([gevent.spawn(record, number) for number in range(20)])
assert flush(30)
assert turns > 5, turns
counting.kill()
""",
        topic,
    )
    nodes = topic.nodes(200)
    assert set(nodes) == {f"step-{number}-{step}" for number in range(20) for step in range(10)}


def test_a_gevent_program_that_just_ends_has_sent_everything(topic: EventsTopic) -> None:
    run_well(
        """
from gevent import monkey
monkey.patch_all()
from producer_sdk import act, initialize
initialize()
for number in range(200):
    act(f"step-{number}", "checkout", "order-1")
""",
        topic,
    )
    assert topic.nodes(200) == [f"step-{number}" for number in range(200)]


@pytest.mark.parametrize("preload", [True, False], ids=["preload", "no-preload"])
@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_workers_of_gunicorn_each_deliver(
    topic: EventsTopic, tmp_path: Path, worker: str, preload: bool
) -> None:
    options = ["--worker-class", worker, *(["--preload"] if preload else [])]
    with gunicorn(topic, tmp_path, *options) as url:
        processes = {httpx.get(f"{url}/step-{number}").text for number in range(REQUESTS)}
    assert len(processes) == 2
    assert sorted(topic.nodes(REQUESTS)) == sorted(f"step-{number}" for number in range(REQUESTS))


@contextlib.contextmanager
def gunicorn(topic: EventsTopic, folder: Path, *options: str) -> Generator[str]:
    """Serve by two workers on a free port, and end as an operator would: by SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
    log = folder / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", address]
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "--no-control-socket", *options, "tests.producer_sdk.gunicorn_app:app"],
            cwd=ROOT,
            env={**os.environ, **topic.environment},
            stdout=output,
            stderr=output,
        )
    try:
        _await(address, log)
        yield f"http://{address}"
        server.send_signal(signal.SIGTERM)
        assert server.wait(_END_S) == 0, log.read_text()
    finally:
        server.kill()
        server.wait()


def _await(address: str, log: Path) -> None:
    """Wait until both workers have started."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if log.read_text().count("Booting worker") == 2:
            with contextlib.suppress(OSError):
                host, port = address.split(":")
                socket.create_connection((host, int(port)), 1).close()
                return
        time.sleep(0.05)  # gunicorn tells only its log
    pytest.fail(f"gunicorn did not start:\n{log.read_text()}")
