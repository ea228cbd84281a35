"""Every attack that we know of, on every engine: none reaches anything, each costs itself only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.validators.conftest import call, outcomes

if TYPE_CHECKING:
    from tests.validators.conftest import Asker

ATTACKS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("attacks.json").read_text())

GOOD = {"python": "data['n'] > 0", "cel": "data.n > 0", "js": "data.n > 0"}

MEBIBYTE = 1 << 20


def text(parts: str | list[Any]) -> str:
    """Return a text that stands as it is, or as parts: texts, and `[text, times]`."""
    if isinstance(parts, str):
        return parts
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


@pytest.mark.parametrize("engine", GOOD)
def test_an_attack_reaches_nothing_and_costs_nobody_else(
    fresh_ask: Asker, tmp_path: Path, engine: str
) -> None:
    good = [call(GOOD[engine], {"n": n}, engine=engine) for n in (1, 0)]
    for attack in [one for one in ATTACKS if one["engine"] == engine]:
        source = text(attack["source"]).replace("{canary}", str(tmp_path))
        data = text(attack.get("data", '{"n": 1, "amount": 5, "tpl": "{0.__class__}"}')).encode()
        bad = call(source, data, engine=engine)

        answers = fresh_ask.all([good[0], bad, bad, good[1]])

        assert outcomes([answers[0], answers[3]]) == ["true", "false"], attack["name"]
        for answer in answers[1:3]:
            assert answer.outcome in attack["expect"], (attack["name"], answer)
            assert "PWN" not in answer.detail, attack["name"]
            assert len(answer.detail) <= 500, attack["name"]
        for process in psutil.Process().children(recursive=True):
            assert process.memory_info().rss < 250 * MEBIBYTE, attack["name"]
    assert list(tmp_path.iterdir()) == []


def test_the_list_has_attacks_of_every_kind() -> None:
    """Else that they fail would prove little."""
    for engine in GOOD:
        expected = {
            one for attack in ATTACKS if attack["engine"] == engine for one in attack["expect"]
        }
        assert {"not_compiled", "error", "limit"} <= expected
