"""Every attack that we know of, on every engine: none reaches anything, each costs itself only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from tests.scripts.conftest import call, outcomes
from tests.support.attack_list import load_attacks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripts.conftest import Asker

GOOD = {"python": "data['n'] > 0", "cel": "data.n > 0", "js": "data.n > 0"}

MEBIBYTE = 1 << 20


@pytest.mark.parametrize("engine", GOOD)
def test_an_attack_reaches_nothing_and_costs_nobody_else(
    patient_ask: Asker, tmp_path: Path, engine: str
) -> None:
    good = [call(GOOD[engine], {"n": n}, engine=engine) for n in (1, 0)]
    for attack in [one for one in load_attacks(tmp_path) if one.engine == engine]:
        bad = call(attack.source, attack.data, engine=engine)

        answers = patient_ask.all([good[0], bad, bad, good[1]])

        assert outcomes([answers[0], answers[3]]) == ["true", "false"], attack.name
        for answer in answers[1:3]:
            assert attack.is_right(answer.outcome, answer.detail), (attack.name, answer)
            assert "PWN" not in answer.detail, attack.name
            assert len(answer.detail) <= 500, attack.name
        for process in psutil.Process().children(recursive=True):
            assert process.memory_info().rss < 250 * MEBIBYTE, attack.name
    assert list(tmp_path.iterdir()) == []


def test_the_list_has_attacks_of_every_kind(tmp_path: Path) -> None:
    """Else that they fail would prove little."""
    for engine in GOOD:
        attacks = [attack for attack in load_attacks(tmp_path) if attack.engine == engine]
        expected = frozenset[str]().union(*(attack.outcomes for attack in attacks))
        assert {"not_compiled", "error", "limit"} <= expected
