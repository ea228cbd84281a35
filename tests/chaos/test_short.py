"""The short form of `make chaos`: two workers restart one by one, then one is killed, under one load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.__main__ import audited
from tests.chaos.scenarios import restarted_then_killed
from tests.support.deployment import Deployment
from tests.support.flows import FLOWS

if TYPE_CHECKING:
    from pathlib import Path

    from streams.dev_broker import Broker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_what_was_said_under_failures_is_what_the_log_implies(own_kafka: Broker, tmp_path: Path):
    deployment = Deployment(own_kafka.bootstrap, tmp_path)
    deployment.create_topics()
    deployment.publish(*FLOWS)
    row = audited(restarted_then_killed, deployment, own_kafka)
    assert row["sound"], "\n".join(f"{name}: {value}" for name, value in row.items())
    assert row["verdicts"] > 0
