"""Keys at any depth, and paths from the top, whose values are redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import orjson

from producer_sdk._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY, ITEM, END = "*", "[]", ""
"""In a path: any key, any item of a list; in the tree of paths: the end of a path."""

Tree: TypeAlias = "dict[str, Tree]"

_NOT_COMPARED = b"_- "
_COLON = b'":'
_QUOTE = b'"'


def squeeze(key: str) -> str:
    """Return a key in the form in which keys are compared."""
    return key.lower().translate(str.maketrans("", "", _NOT_COMPARED.decode()))


class Keys:
    """Names of keys, plain and as they appear in JSON."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {squeeze(name): name for name in names}
        self._in_json = {_in_json(name).lower() for name in self._names}

    def may_be_in(self, lower: bytes) -> bool:
        """Return True if any of the keys may be in lower-case JSON."""
        # Texts are taken for keys too: to tell them apart costs more than a needless search.
        return not self._in_json.isdisjoint(lower.translate(None, _NOT_COMPARED).split(_QUOTE))

    def named(self, key: str) -> str | None:
        """Return the configured name that matches a key, None if none does."""
        return self._names.get(squeeze(key))


class Paths:
    """Paths as a tree, which is walked together with the data."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.tree: Tree = {}
        self._needles: list[bytes] = []
        for path in paths:
            self._add(path)

    def may_be_in(self, encoded: bytes) -> bool:
        """Return True if any of the paths may be in JSON."""
        return any(needle in encoded for needle in self._needles)

    def _add(self, path: str) -> None:
        steps = path.replace(ITEM, f".{ITEM}").split(".")
        if END in steps:
            raise UsageError("redact", f"{path!r} is not a path; write it like items[].serial")
        tree = self.tree
        for step in steps:
            tree = tree.setdefault(step, {})
        tree[END] = {}
        named = [step for step in steps if step not in (ANY, ITEM)]
        self._needles.append(_in_json(named[-1]) + _COLON if named else b"")


def below(trees: list[Tree], step: str) -> list[Tree]:
    """Return the subtrees below one step: a key, or `ITEM`."""
    steps = (step,) if step == ITEM else (step, ANY)
    return [tree[name] for tree in trees for name in steps if name in tree]


def _in_json(key: str) -> bytes:
    """Return a key as it appears in JSON, without quotes."""
    return orjson.dumps(key)[1:-1]
