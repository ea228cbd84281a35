"""The spool with a real broker that is away, and processes that end meanwhile."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from producer_sdk import act, flush, initialize, shutdown, stats
from tests.producer_sdk.events_topic import EventsTopic
from tests.producer_sdk.test_outage import assert_all_arrived, record
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from streams.dev_broker import Broker
    from tests.support.shared_kafka import SharedKafka

RECORD_AND_END = """
import sys
from producer_sdk import act, initialize
initialize()
for number in range(int(sys.argv[1]), int(sys.argv[2])):
    act(f"step-{number}", "checkout", f"order-{number % 7}")
"""
RECORD_AND_BE_KILLED = (
    RECORD_AND_END
    + """
import os, pathlib, signal, time
folder = pathlib.Path(os.environ["DULY_SPOOL_DIR"])
def written():
    return sum(len(path.read_bytes().splitlines()) for path in folder.rglob("*.jsonl"))
while written() < int(sys.argv[2]) - int(sys.argv[1]):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
)
DELIVER = """
from producer_sdk import flush, initialize, stats
initialize()
assert flush(30)
print(stats().found_in_spool)
"""


@pytest.fixture
def topic(kafka: SharedKafka, topic_prefix: str) -> EventsTopic:
    """An events topic."""
    topic = EventsTopic(kafka.bootstrap, topic_prefix)
    topic.create()
    return topic


@pytest.fixture
def nowhere() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return f"127.0.0.1:{reserved.getsockname()[1]}"


def start(
    program: str, topic: EventsTopic, spool: Path, *arguments: int, **environment: str
) -> subprocess.Popen[str]:
    settings = {**topic.environment, "DULY_SPOOL_DIR": str(spool), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def leave(topic: EventsTopic, spool: Path, nowhere: str, first: int, last: int) -> str:
    """Record events in a process that ends without a broker; return what it logs."""
    process = start(
        RECORD_AND_END, topic, spool, first, last, DULY_BROKER=nowhere, DULY_EXIT_TIMEOUT_MS="300"
    )
    code, _, log = end(process)
    assert code == 0
    return log


def is_empty(folder: Path) -> bool:
    return not [path for path in folder.rglob("*") if path.is_file()]


def test_what_a_process_could_not_deliver_the_next_one_does(
    topic: EventsTopic, tmp_path: Path, nowhere: str
) -> None:
    assert "500 events are left in" in leave(topic, tmp_path, nowhere, 0, 500)
    # It has taken over what the first one left, and leaves both.
    assert "1000 events are left in" in leave(topic, tmp_path, nowhere, 500, 1_000)
    initialize(topic.bootstrap, topic_prefix=topic.prefix, spool_dir=tmp_path)
    record(range(1_000, 1_100))
    assert flush(30)
    assert_all_arrived(topic, 1_100)
    counts = stats()
    assert (counts.found_in_spool, counts.recorded, counts.delivered) == (1_000, 1_100, 1_100)
    assert shutdown(30)
    assert is_empty(tmp_path)


def test_a_process_that_is_killed_leaves_its_events_too(
    topic: EventsTopic, tmp_path: Path, nowhere: str
) -> None:
    process = start(RECORD_AND_BE_KILLED, topic, tmp_path, 0, 1_000, DULY_BROKER=nowhere)
    assert end(process)[0] == -9
    assert end(start(DELIVER, topic, tmp_path))[:2] == (0, "1000\n")
    assert_all_arrived(topic, 1_000)
    assert is_empty(tmp_path)


@pytest.mark.swallows_sdk_errors
def test_a_last_line_that_was_cut_off_costs_only_itself(
    topic: EventsTopic, tmp_path: Path, nowhere: str, caplog: pytest.LogCaptureFixture
) -> None:
    leave(topic, tmp_path, nowhere, 0, 100)
    [file] = tmp_path.rglob("*.jsonl")
    os.truncate(file, file.stat().st_size - 30)
    initialize(topic.bootstrap, topic_prefix=topic.prefix, spool_dir=tmp_path)
    assert flush(30)
    assert_all_arrived(topic, 99)
    assert (stats().delivered, stats().dropped_unreadable) == (99, 1)
    assert "1 lines in" in caplog.text
    assert shutdown(30)
    assert is_empty(tmp_path)


def test_two_processes_on_one_folder_do_not_send_the_same(
    topic: EventsTopic, tmp_path: Path, nowhere: str
) -> None:
    for first in range(0, 1_000, 100):
        leave(topic, tmp_path, nowhere, first, first + 100)
    both = [start(DELIVER, topic, tmp_path) for _ in range(2)]
    ended = [end(process) for process in both]
    assert [code for code, _, _ in ended] == [0, 0]
    assert sum(int(out) for _, out, _ in ended) == 1_000
    assert_all_arrived(topic, 1_000, repeated=0)
    assert is_empty(tmp_path)


def test_events_for_another_topic_stay_where_they_are(
    topic: EventsTopic, tmp_path: Path, nowhere: str
) -> None:
    leave(topic, tmp_path, nowhere, 0, 10)
    initialize(topic.bootstrap, topic_prefix="another-", spool_dir=tmp_path)
    assert flush(1)
    assert stats().found_in_spool == 0
    assert topic.read_all() == []


def test_over_the_cap_the_oldest_are_dropped_counted_and_said(
    topic: EventsTopic, tmp_path: Path, nowhere: str, caplog: pytest.LogCaptureFixture
) -> None:
    problems: list[str] = []
    initialize(
        nowhere,
        topic_prefix=topic.prefix,
        spool_dir=tmp_path,
        spool_max_bytes=1 << 20,
        on_error=lambda problem: problems.append(problem.kind),
    )
    for number in range(4_000):
        act(f"step-{number}", "checkout", "order-1", {"text": "x" * 1_000})
    assert not flush(1)
    assert not shutdown(0.1)
    counts = stats()
    assert counts.recorded == 4_000
    assert counts.dropped_spool_full + counts.left_in_spool == 4_000
    assert counts.left_in_spool > 500
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.jsonl")) <= 1 << 20
    assert "the spool in" in caplog.text
    assert "dropped_spool_full" in problems
    initialize(topic.bootstrap, topic_prefix=topic.prefix, spool_dir=tmp_path)
    assert flush(30)
    arrived = {record.event["node"] for record in topic.read_all()}
    assert arrived == {f"step-{number}" for number in range(counts.dropped_spool_full, 4_000)}


@pytest.mark.slow
def test_an_outage_longer_than_the_queue_costs_nothing_with_a_spool(
    own_kafka: Broker, tmp_path: Path
) -> None:
    topic = EventsTopic(own_kafka.bootstrap, "")
    topic.create()
    initialize(own_kafka.bootstrap, max_queue_events=1_000, spool_dir=tmp_path)
    record(range(100))
    assert flush(30)
    own_kafka.kill()
    for number in range(100, 20_000, 100):
        record(range(number, number + 100))
        flush(0)  # a pause in which files are written: a service is not as fast as this loop
    own_kafka.restart()
    assert flush(60)
    counts = stats()
    assert counts.delivered == counts.recorded == 20_000
    assert_all_arrived(topic, 20_000, repeated=100)
    assert shutdown(30)
    assert is_empty(tmp_path)


@pytest.mark.slow
def test_a_broker_that_is_killed_at_the_start_gets_all_from_the_next_process(
    own_kafka: Broker, tmp_path: Path
) -> None:
    topic = EventsTopic(own_kafka.bootstrap, "")
    topic.create()
    own_kafka.kill()
    leave(topic, tmp_path, own_kafka.bootstrap, 0, 1_000)
    own_kafka.restart()
    assert end(start(DELIVER, topic, tmp_path))[:2] == (0, "1000\n")
    assert_all_arrived(topic, 1_000)
    assert is_empty(tmp_path)
