"""Fixtures of every test: a Kafka for those that ask, and watches for what a test leaves behind."""

from __future__ import annotations

import logging
import os
import secrets
import signal
from typing import TYPE_CHECKING

import hypothesis
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from producer_sdk._guard import guard
from streams.dev_broker import Broker, start_broker
from tests.support.processes import watching_processes
from tests.support.shared_kafka import ROOT, SharedKafka

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

# A shell that starts us in the background has SIGINT ignored, which our children would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A failure is never a matter of luck, nor of a slow machine: the same examples for the same commit, and none is timed.
_CHECKS = (hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large)
hypothesis.settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, suppress_health_check=_CHECKS
)
# To look for what nobody thought of: new examples each time, as many as HYPOTHESIS_EXAMPLES says.
hypothesis.settings.register_profile(
    "search",
    deadline=None,
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "1000")),
    suppress_health_check=_CHECKS,
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Many workers run at once on this machine; only those that are asked for show a page.
os.environ["DULY_WEB_PORT"] = "0"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Kafka, so that `-m "not kafka"` runs anywhere."""
    for item in items:
        if isinstance(item, pytest.Function) and {"kafka", "own_kafka"} & set(item.fixturenames):
            item.add_marker("kafka")


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> SharedKafka:
    """An Apache Kafka that this run's workers share: `kafka.bootstrap`; use `topic_prefix` too."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(pytestconfig, "workerinput"):
        folder = folder.parent  # that of the whole run, not of this xdist worker
    shared = SharedKafka(folder)
    # Not in the fixture's own end, where the timeout of its last test would count the wait.
    pytestconfig.add_cleanup(shared.leave)
    return shared


@pytest.fixture
def own_kafka() -> Generator[Broker]:
    """An Apache Kafka for one test alone, which may kill, freeze and restart it."""
    with start_broker(("docker", "apache"), ROOT / ".duly") as broker:
        yield broker


@pytest.fixture
async def topic_prefix(kafka: SharedKafka) -> AsyncGenerator[str]:
    """A prefix for the topics, consumer groups and app ids of one test; its topics go with it."""
    prefix = f"t{secrets.token_hex(4)}-"
    yield prefix
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        topics = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Generator[None]:
    """Undo what a test did to loggers, as commands and workers do: others read the log."""
    of_aiokafka = logging.getLogger("aiokafka")
    level, before, their_level = logging.root.level, logging.root.handlers[:], of_aiokafka.level
    yield
    logging.root.setLevel(level)
    of_aiokafka.setLevel(their_level)
    for handler in logging.root.handlers[:]:
        # pytest has handlers of its own, and changes them between the phases of a test.
        if type(handler).__module__ == "logging" and handler not in before:
            logging.root.removeHandler(handler)


@pytest.fixture(autouse=True)
def _no_leaked_processes() -> Generator[None]:
    """Fail a test that leaves a child process behind, and end that process."""
    with watching_processes():
        yield


@pytest.fixture(autouse=True)
def _no_swallowed_sdk_errors(request: pytest.FixtureRequest) -> Generator[None]:
    """Fail a test in which the SDK hid an error of its own, as it does from its hosts."""
    before = _swallowed()
    yield
    if request.node.get_closest_marker("swallows_sdk_errors") is None:
        swallowed = _swallowed() - before
        assert swallowed <= 0, f"the SDK swallowed {swallowed} internal errors; see the log"


def _swallowed() -> int:
    return guard.counters.snapshot(0).internal_errors
