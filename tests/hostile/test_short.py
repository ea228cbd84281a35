"""The short form of `make hostile`: good runs get their verdicts while every twentieth event is an attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.__main__ import EVENTS_PER_SECOND, ONE_IN, measure_beside_attacks
from tests.support.attack_list import load_attacks
from tests.support.installed_deployment import InstalledDeployment
from tests.support.standard_job import definition, events

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.shared_kafka import SharedKafka

SECONDS = 2.0


@pytest.fixture
def canary(tmp_path: Path) -> Generator[Path]:
    """A folder that no attack may touch."""
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.xdist_group("e2e-attacks")
async def test_good_runs_are_judged_rightly_beside_attacks(
    kafka: SharedKafka, canary: Path
) -> None:
    deployment = InstalledDeployment(kafka.bootstrap, definition(1))
    deployment.prepare()
    attacks = load_attacks(canary)
    count = round(SECONDS * EVENTS_PER_SECOND)
    assert len(attacks) <= count / ONE_IN  # each one comes
    rows = await measure_beside_attacks(deployment, attacks, SECONDS)
    assert [row["wrong"] for row in rows] == [0, 0, 0]
    completed = sum(event.completes for event in events(count, 0))
    assert [row["n"] for row in rows] == [completed] * 3
