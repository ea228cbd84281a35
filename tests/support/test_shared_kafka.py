"""The broker that the workers of a test run share: started once, and always ended."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from streams.dev_broker.ports import answers
from streams.errors import BrokerUnavailable
from tests.support.shared_kafka import ROOT, SharedKafka

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.kafka
TIMEOUT_S = 20
JOINS_AND_WAITS = """
import signal, sys
from pathlib import Path
from tests.support.shared_kafka import SharedKafka

print(SharedKafka(Path(sys.argv[1])).bootstrap, flush=True)
signal.pause()
"""


def serves(bootstrap: str) -> bool:
    host, _, port = bootstrap.partition(":")
    return answers(host, int(port), timeout_s=5)


def keeper_of(folder: Path) -> psutil.Process:
    [keeper] = [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[-2:] == ["tests.support.shared_kafka", str(folder)]
    ]
    return keeper


def test_users_share_one_broker_until_the_last_has_left(tmp_path: Path) -> None:
    first = SharedKafka(tmp_path)
    second = SharedKafka(tmp_path)
    assert first.bootstrap == second.bootstrap
    second.leave()
    assert serves(first.bootstrap)
    first.leave()
    assert not serves(first.bootstrap)


def test_it_ends_though_its_users_were_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", JOINS_AND_WAITS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        bootstrap = user.stdout.readline().decode().strip()
        keeper = keeper_of(tmp_path)
        user.kill()
        _, alive = psutil.wait_procs([keeper], timeout=TIMEOUT_S)
    assert not alive
    assert not serves(bootstrap)


def test_where_there_is_no_kafka_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DULY_BROKER", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    with pytest.raises(BrokerUnavailable, match="apt-get install"):
        SharedKafka(tmp_path)
