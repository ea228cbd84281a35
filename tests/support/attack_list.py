"""Every attack that we know of, from `attacks.json`: scripts that try to get out, to stay, or to stall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from streams.scripts.language import CRASHED, TOO_LARGE, TOO_LONG

_DATA = '{"n": 1, "amount": 5, "tpl": "{0.__class__}"}'


LIMITS = (TOO_LONG, TOO_LARGE, CRASHED)
"""How a limit may read. Which one is met first depends on the machine."""


class Attack(NamedTuple):
    """One script, and the event that it is asked about.

    Attributes:
        engine: its language.
        name: unique within the language.
        source: the script.
        data: the event's data, JSON.
        expect: the outcomes that are right, each with words of its message; a pass is right only
            where the attack gains nothing.
    """

    engine: str
    name: str
    source: str
    data: bytes
    expect: tuple[tuple[str, str], ...]

    @property
    def outcomes(self) -> frozenset[str]:
        """The outcomes that are right."""
        return frozenset(outcome for outcome, _ in self.expect)

    def is_right(self, outcome: str, message: str) -> bool:
        """Return whether an outcome is right, and for the right reason.

        A message may have more around it, as that of a cause of a verdict has.
        """
        if outcome == "limit" and "limit" in self.outcomes:
            return any(words in message for words in LIMITS)
        return any(outcome == right and words in message for right, words in self.expect)


def load_attacks(canary: Path) -> list[Attack]:
    """Return all attacks.

    Args:
        canary: a folder; an attack that gets out leaves a file in it.
    """
    listed: list[dict[str, Any]] = json.loads(Path(__file__).with_name("attacks.json").read_text())
    return [
        Attack(
            one["engine"],
            one["name"],
            _text(one["source"]).replace("{canary}", str(canary)),
            _text(one.get("data", _DATA)).encode(),
            tuple(one["expect"].items()),
        )
        for one in listed
    ]


def _text(parts: str | list[Any]) -> str:
    """Return a text that stands as it is, or as parts: texts, and `[text, times]`."""
    if isinstance(parts, str):
        return parts
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)
