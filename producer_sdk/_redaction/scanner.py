"""Finds what rules describe: first whether any is worth a search, then where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence

    from producer_sdk._redaction.detectors import Rule, View

    _NumberedGate = tuple[bytes, re.Pattern[bytes] | None, int]
    _Group = tuple[bytes, list[_NumberedGate]]

_DIGITS, _CAPITALS = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX_DIGITS = b"0123456789abcdefABCDEF"

_SIGNS = (b"_", b"@", b"=", b"/", b"+", b"-", b".", b" ", b":")
"""Most texts lack some of these, and with a sign all needles that have it in them."""

_SHAPE = bytes.maketrans(_DIGITS + _CAPITALS, b"0" * len(_DIGITS) + b"A" * len(_CAPITALS))
_HEX = bytes.maketrans(_HEX_DIGITS + b"h", b"h" * len(_HEX_DIGITS) + b"x")


class Scanner:
    """Searches texts by rules.

    Most events hold nothing of interest. To see that takes a few passes over the bytes of the
    whole event, by `in` and `translate`, each many times as fast as a search by a pattern.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._always = {number for number, rule in enumerate(rules) if not rule.gates}
        self._lower = _gates(rules, "lower")
        self._shape = _gates(rules, "shape")
        self._hex = _gates(rules, "hex")

    def worth_a_search(self, encoded: bytes, lower: bytes) -> list[Rule]:
        """Return the rules that may find something in texts of an encoded event.

        Args:
            encoded: JSON.
            lower: the same in small letters.
        """
        found = self._always.union(
            _opened(self._lower, lower),
            _opened(self._shape, encoded.translate(_SHAPE)),
            _opened(self._hex, encoded.translate(_HEX)),
        )
        return [self._rules[number] for number in sorted(found)]


def _gates(rules: Sequence[Rule], view: View) -> list[_Group]:
    """Return the gates of a view, grouped by a sign that all needles of a group have in them."""
    groups: dict[bytes, list[_NumberedGate]] = {}
    for number, rule in enumerate(rules):
        for gate in rule.gates:
            if gate.view == view:
                sign = next((sign for sign in _SIGNS if sign in gate.needle), b"")
                groups.setdefault(sign, []).append((gate.needle, gate.pattern, number))
    return list(groups.items())


def _opened(groups: list[_Group], view: bytes) -> list[int]:
    """Return the numbers of the rules whose gates are open."""
    return [
        number
        for sign, gates in groups
        if sign in view
        for needle, pattern, number in gates
        if needle in view and (pattern is None or pattern.search(view))
    ]


def replace(rule: Rule, text: str, instead: Callable[[Rule, str], str]) -> str:
    """Return a text with what a rule finds in it replaced.

    Args:
        rule: what to find.
        text: the text.
        instead: returns what stands in the place of a finding.
    """
    parts: list[str] = []
    done = position = 0
    while match := rule.pattern.search(text, position):
        start, end = match.span(rule.group)
        if rule.check is not None:
            end = start + rule.check(text[start:end])
        if end <= start:  # none after all, but one may begin inside of it
            position = match.start() + 1
            continue
        parts += (text[done:start], instead(rule, text[start:end]))
        done = position = end
    return "".join((*parts, text[done:])) if parts else text
