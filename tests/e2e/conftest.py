"""Real workers on a real Kafka."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.deployment import Deployment
from tests.support.flows import FLOWS

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.shared_kafka import SharedKafka
    from tests.support.worker_process import WorkerProcess


@pytest.fixture(scope="session")
def shop(
    kafka: SharedKafka, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[Deployment, WorkerProcess]]:
    """A deployment with the flows of `flows.py` in force, and its one worker, for many tests."""
    with _deployment(kafka, tmp_path_factory) as deployment:
        worker = deployment.worker()
        worker.start()
        try:
            deployment.create_topics()
            deployment.publish(*FLOWS)
            worker.wait_until_ready()
            yield deployment, worker
        finally:
            worker.close()


@pytest.fixture(scope="module")
def deployment(
    kafka: SharedKafka, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Deployment]:
    """A deployment without a worker, with the same flows in force, for the tests of one file."""
    with _deployment(kafka, tmp_path_factory) as made:
        made.create_topics()
        made.publish(*FLOWS)
        yield made


@pytest.fixture
def worker(deployment: Deployment) -> Generator[WorkerProcess]:
    """A worker that the test starts and ends."""
    made = deployment.worker()
    yield made
    made.close()
    sys.stdout.write(made.log)  # shown if the test failed


@contextmanager
def _deployment(
    kafka: SharedKafka, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Deployment]:
    made = Deployment(kafka.bootstrap, tmp_path_factory.mktemp("worker"))
    try:
        yield made
    finally:
        made.remove()
