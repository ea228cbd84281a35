"""Whole programs: what they record arrives, however they end and however they fork."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.producer_sdk.events_topic import EventsTopic
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from tests.support.shared_kafka import SharedKafka

NO_BROKER = {"DULY_BROKER": "127.0.0.1:1", "DULY_EXIT_TIMEOUT_MS": "300"}


@pytest.fixture
def topic(kafka: SharedKafka, topic_prefix: str) -> EventsTopic:
    """An events topic."""
    topic = EventsTopic(kafka.bootstrap, topic_prefix)
    topic.create()
    return topic


def run(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def run_well(program: str, topic: EventsTopic, **environment: str) -> None:
    """Run a program that must end well and have nothing to say."""
    done = run(program, {**topic.environment, **environment})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_program_that_just_ends_has_sent_everything(topic: EventsTopic) -> None:
    run_well(
        """
from producer_sdk import act, initialize
initialize()
for number in range(500):
    act(f"step-{number}", "checkout", "order-1")
""",
        topic,
    )
    assert topic.nodes(500) == [f"step-{number}" for number in range(500)]


def test_a_broker_named_by_a_host_name_is_found_even_at_the_end_of_a_program(
    topic: EventsTopic,
) -> None:
    # Looking up a name is what asyncio does in an executor, which takes no more work by then.
    port = topic.bootstrap.rpartition(":")[2]
    run_well(
        "from producer_sdk import act, initialize; initialize(); act('one', 'checkout', 'order-1')",
        topic,
        DULY_BROKER=f"localhost:{port}",
    )
    assert topic.nodes(1) == ["one"]


def test_a_program_that_fails_has_sent_everything(topic: EventsTopic) -> None:
    program = """
from producer_sdk import act, initialize
initialize()
act("one", "checkout", "order-1")
raise SystemExit(3)
"""
    assert run(program, topic.environment).returncode == 3
    assert topic.nodes(1) == ["one"]


def test_a_program_without_a_broker_ends_in_time_and_says_what_is_lost() -> None:
    program = """
import time
from producer_sdk import act, initialize
initialize()
act("one", "checkout", "order-1")
"""
    done = run(program, NO_BROKER)
    assert done.returncode == 0
    assert "0.3 s were not enough to deliver all events at shutdown, 1 are lost" in done.stderr


def test_a_program_that_recorded_nothing_has_nothing_to_wait_for() -> None:
    program = "from producer_sdk import initialize; initialize()"
    done = run(program, NO_BROKER)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_parent_and_forked_children_each_send_their_own(topic: EventsTopic) -> None:
    run_well(
        """
import os
from producer_sdk import act, flush, initialize, stats
initialize()
act("before", "checkout", "order-1")
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        assert stats().recorded == 0
        for step in range(10):
            act(f"child-{number}-{step}", "checkout", "order-1")
        os._exit(0 if flush(30) else 1)
    children.append(child)
act("after", "checkout", "order-1")
assert {os.waitpid(child, 0)[1] for child in children} == {0}
""",
        topic,
    )
    nodes = topic.nodes(2 + 3 * 10)
    assert len(set(nodes)) == len(nodes)
    assert [node for node in nodes if node.startswith("child-1-")] == [
        f"child-1-{step}" for step in range(10)
    ]


def test_a_parent_sends_on_after_its_forked_child_has_ended(topic: EventsTopic) -> None:
    run_well(
        """
import os, sys
from producer_sdk import act, flush, initialize
initialize()
act("one", "checkout", "order-1")
assert flush(30)
if (child := os.fork()) == 0:
    sys.exit()  # with the interpreter's exit hooks, and whatever is collected on the way
assert os.waitpid(child, 0)[1] == 0
act("two", "checkout", "order-1")
assert flush(30)
""",
        topic,
    )
    assert topic.nodes(2) == ["one", "two"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_send_without_a_shutdown(
    topic: EventsTopic, method: str
) -> None:
    run_well(
        f"""
import multiprocessing
from tests.producer_sdk.child import record
from producer_sdk import act, initialize
initialize()
act("parent", "checkout", "order-1")
context = multiprocessing.get_context({method!r})
children = [context.Process(target=record, args=(number,)) for number in range(3)]
for child in children:
    child.start()
for child in children:
    child.join()
assert [child.exitcode for child in children] == [0, 0, 0]
""",
        topic,
    )
    assert sorted(topic.nodes(4)) == ["child-0", "child-1", "child-2", "parent"]


def test_event_ids_of_forked_children_differ(topic: EventsTopic) -> None:
    run_well(
        """
import os
from producer_sdk import act, flush, initialize
initialize()
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        for _ in range(50):
            act("a", "checkout", "order-1")
        os._exit(0 if flush(30) else 1)
    children.append(child)
assert {os.waitpid(child, 0)[1] for child in children} == {0}
""",
        topic,
    )
    assert len({record.event["event_id"] for record in topic.read(200)}) == 200


def test_an_asyncio_host_is_not_held_up(topic: EventsTopic) -> None:
    run_well(
        """
import asyncio
from producer_sdk import act, flush, initialize

async def main():
    initialize()
    for number in range(100):
        act(f"step-{number}", "checkout", "order-1")
        await asyncio.sleep(0)
    assert await asyncio.to_thread(flush, 30)

asyncio.run(main())
""",
        topic,
    )
    assert topic.nodes(100) == [f"step-{number}" for number in range(100)]
