"""All attacks through the whole: `duly replay`, and one worker on Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.by_replay import attack_by_replay
from tests.attacks.by_worker import attack_by_worker
from tests.attacks.findings import good_flows
from tests.support.attack_list import load_attacks
from tests.support.installed_deployment import InstalledDeployment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attacks.findings import Findings
    from tests.support.shared_kafka import SharedKafka

pytestmark = [pytest.mark.xdist_group("e2e-attacks"), pytest.mark.timeout(300)]


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A folder that no attack may touch."""
    folder = tmp_path / "canary"
    folder.mkdir()
    return folder


def unexpected(findings: Findings) -> list[tuple[str, str, str, str]]:
    return [
        (one.attack.engine, one.attack.name, one.fate, one.message)
        for one in findings.found
        if not one.is_expected
    ]


def check(findings: Findings) -> None:
    """Hold what no attack may bring about; the figures are shown if a test fails."""
    assert unexpected(findings) == []
    assert (findings.touched, findings.deaths, findings.wrong_beside) == ([], 0, [])
    for row in findings.rows():
        limits = row["limit"] + row["not run"]
        assert min(row["refused"], row["error"], limits) > 0, row


def test_attacks_through_replay(tmp_path: Path, canary: Path) -> None:
    check(attack_by_replay(load_attacks(canary), tmp_path, canary))


async def test_attacks_through_a_worker(kafka: SharedKafka, canary: Path) -> None:
    deployment = InstalledDeployment(kafka.bootstrap, *good_flows())
    deployment.prepare()
    one_by_one, all_at_once = await attack_by_worker(load_attacks(canary), deployment, canary)
    check(one_by_one)
    check(all_at_once)
