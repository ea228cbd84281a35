"""Searches texts with the detectors: first the gates of each, then its pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from producer_sdk._redaction.detectors import Gate

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from producer_sdk._redaction.detectors import Rule, View

_DIGITS, _CAPITALS = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_SOLID_SIGNS = _DIGITS + _CAPITALS + _CAPITALS.lower()
_TOKEN_SIGNS = _SOLID_SIGNS + b"_-.~+/="

_SIGNS = (b"_", b"-", b".")
"""Many texts have none of one of these, which rules out all needles that contain it."""


def _all_as(sign: bytes, of: bytes) -> bytes:
    """Return a translation table that replaces each of some bytes by `sign`."""
    return bytes.maketrans(of, sign * len(of))


_SHAPE = bytes.maketrans(_DIGITS + _CAPITALS, b"0" * len(_DIGITS) + b"A" * len(_CAPITALS))
_HEX = bytes.maketrans(_HEX_DIGITS + b"h", b"h" * len(_HEX_DIGITS) + b"x")

_VIEWS: dict[View, tuple[bytes | None, bytes]] = {
    "shape": (_SHAPE, b""),
    "hex": (_HEX, b""),
    "tokens": (_all_as(b"t", _TOKEN_SIGNS), b""),
    "solid": (_all_as(b"s", _SOLID_SIGNS), b""),
    "digits": (_all_as(b"0", _DIGITS), b" -.()/"),
    "unhexed": (None, _HEX_DIGITS),
}
"""The views except `lower`, as arguments of `translate`: replaced bytes, deleted bytes."""


class Matcher:
    """Finds the rules whose gates are open for an event.

    Most events have no findings. To see that takes a few passes over the bytes of the whole event
    with `in` and `translate`, each many times as fast as a regular expression.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._always = [number for number, rule in enumerate(rules) if not rule.gates]
        self._gate_tree = _gate_tree(rules)

    def rules_to_search(self, encoded: bytes, lower: bytes) -> list[Rule]:
        """Return the rules that may find something in an encoded event.

        Args:
            encoded: JSON.
            lower: the same in lower case.
        """
        found = set(self._always)
        _open(self._gate_tree, _Views(encoded, lower), found)
        return [self._rules[number] for number in sorted(found)]


class _Views(dict["View", bytes]):
    """The views of a text, each made when it is first needed."""

    def __init__(self, encoded: bytes, lower: bytes) -> None:
        self["lower"] = lower
        self._encoded = encoded

    def __missing__(self, view: View) -> bytes:
        """Make a view."""
        self[view] = made = self._encoded.translate(*_VIEWS[view])
        return made


class _GateNode(NamedTuple):
    """A gate, the numbers of the rules that it opens, and the gates behind it."""

    needle: bytes
    pattern: re.Pattern[bytes] | None
    rules: list[int]
    behind: _GateTree


_GateTree: TypeAlias = "list[tuple[View, list[_GateNode]]]"


def _open(tree: _GateTree, views: _Views, found: set[int]) -> None:
    """Add the numbers of the rules whose gates are open."""
    for view, of_view in tree:
        text = views[view]
        for needle, pattern, rules, behind in of_view:
            if needle in text and (pattern is None or pattern.search(text)):
                found.update(rules)
                _open(behind, views, found)


def _gate_tree(rules: Sequence[Rule]) -> _GateTree:
    """Return the gates of rules as a tree, so that a gate in front of several is tested once."""
    opened: dict[Gate, list[int]] = {}
    for number, rule in enumerate(rules):
        for gate in map(_behind_its_sign, rule.gates):
            opened.setdefault(gate, []).append(number)
            for before in _before(gate):
                opened.setdefault(before, [])
    return _behind(None, opened)


def _behind(gate: Gate | None, opened: Mapping[Gate, list[int]]) -> _GateTree:
    places: dict[View, list[_GateNode]] = {}
    for own, rules in opened.items():
        if own.behind == gate:
            place = _GateNode(own.needle, own.pattern, rules, _behind(own, opened))
            places.setdefault(own.view, []).append(place)
    return list(places.items())


def _behind_its_sign(gate: Gate) -> Gate:
    """Put a gate that has a gate in front behind one more: a sign in its needle, if there is one."""
    sign = next((sign for sign in _SIGNS if sign in gate.needle), None)
    if gate.behind is None or sign is None:
        return gate
    return gate._replace(behind=Gate(gate.view, sign, behind=gate.behind))


def _before(gate: Gate) -> Iterator[Gate]:
    while gate.behind is not None:
        gate = gate.behind
        yield gate


def replace(rule: Rule, text: str, instead: Callable[[Rule, str], str]) -> str:
    """Return a text with the findings of a rule replaced.

    Args:
        rule: the rule.
        text: the text.
        instead: returns the replacement of a finding.
    """
    parts: list[str] = []
    done = position = 0
    while match := rule.pattern.search(text, position):
        start, end = match.span(rule.group)
        if rule.check is not None:
            end = start + rule.check(text[start:end])
        if end <= start:  # no finding, but one may begin inside the candidate
            position = match.start() + 1
            continue
        parts += (text[done:start], instead(rule, text[start:end]))
        done = position = end
    return "".join((*parts, text[done:])) if parts else text
