"""Redacts encoded events, before they are queued."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, cast

import orjson

from producer_sdk._errors import SdkError, UsageError, closest, meant
from producer_sdk._redaction import DETECTORS, SENSITIVE_KEYS
from producer_sdk._redaction.detectors import RULES, Rule
from producer_sdk._redaction.matcher import Matcher, replace
from producer_sdk._redaction.paths import END, ITEM, Keys, Paths, below, squeeze
from producer_sdk._wire import check_size, json_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from producer_sdk._redaction import Redact, Redaction
    from producer_sdk._redaction.paths import Tree
    from producer_sdk._wire import OnTexts

MIN_HASH_KEY_BYTES = 16
HASH_BYTES = 12
"""96 bits: among a billion values, a collision is very unlikely."""

_PARTS = ("data", "additional_meta", "description")
_STAMP = b'"ts":'
_STAMP_BYTES = len(_STAMP) + 19
_LEAST_CARD = 10**12
_SECRET_KEYS = frozenset(map(squeeze, SENSITIVE_KEYS))
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


class Redactor:
    """Applies a `Redaction` to events.

    Args:
        redaction: the settings.
        on_texts: called with descriptions of values that its function returned and JSON cannot
            express.

    Raises:
        UsageError: the settings cannot be used.
    """

    def __init__(self, redaction: Redaction, on_texts: OnTexts) -> None:
        self._on_texts = on_texts
        self._hash_key = _hash_key(redaction)
        self._hashes_run_id = redaction.hash_run_id
        self._function = _function(redaction.function)
        self._keys = Keys(_texts("keys", redaction.keys))
        self._paths = Paths(_texts("paths", redaction.paths))
        self._matcher = Matcher([*_chosen(redaction.detectors), *_own(redaction.patterns)])

    def run_id(self, run_id: str) -> str:
        """Return a run id, or its hash if run ids are hashed."""
        return f"run_{self._hash(run_id)}" if self._hashes_run_id else run_id

    def event(self, encoded: bytes) -> bytes:
        """Return the JSON of an event with all findings replaced.

        Raises:
            UsageError: redaction failed, so the event must not be sent.
            EventTooBig: the replacements make the event too large.
        """
        # Ids and timestamp are skipped: a number of 19 digits opens gates.
        content = encoded[encoded.find(_STAMP) + _STAMP_BYTES :]
        lower = content.lower()
        rules = self._matcher.rules_to_search(content, lower)
        if not (
            rules or self._function or self._keys.may_be_in(lower) or self._paths.may_be_in(content)
        ):
            return encoded
        try:
            redacted = orjson.dumps(self._redacted(orjson.loads(encoded), rules))
        except SdkError:
            raise
        except Exception as error:
            message = f"redact failed with {type(error).__name__}"
            raise UsageError("redact", message) from error
        check_size(redacted)
        return redacted

    def _redacted(self, event: dict[str, Any], rules: list[Rule]) -> dict[str, Any]:
        redaction = _EventRedaction(rules, self._keys, self._instead)
        for part in _PARTS:
            if part in event:
                trees = [self._paths.tree] if part == "data" else []
                event[part] = redaction.value(event[part], trees)
        if self._function is not None:
            answer = self._function(event["data"])
            event["data"] = json_object("what redact returned", answer, self._on_texts)
        return event

    def _instead(self, name: str, found: str, *, is_secret: bool) -> str:
        if self._hash_key is None or is_secret:
            return f"[REDACTED_{name.upper()}]"
        return f"[HASHED_{name.upper()}_{self._hash(found)}]"

    def _hash(self, text: str) -> str:
        key = cast("bytes", self._hash_key)
        digest = hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)
        return digest[:HASH_BYTES].hex()


class _EventRedaction:
    """Redacts one decoded event."""

    def __init__(self, rules: list[Rule], keys: Keys, instead: Callable[..., str]) -> None:
        self._rules = rules
        self._keys = keys
        self._instead = instead
        self._reads_numbers = any(rule.name == "card" for rule in rules)

    def value(self, value: Any, trees: list[Tree]) -> Any:
        """Return a JSON value with all findings replaced.

        Args:
            value: the value.
            trees: the subtrees of paths below this value.
        """
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._object(cast("dict[str, Any]", value), trees)
        if isinstance(value, list):
            items = below(trees, ITEM)
            return [self._place(item, "item", items) for item in cast("list[Any]", value)]
        if self._reads_numbers and isinstance(value, int) and value >= _LEAST_CARD:
            text = str(value)
            redacted = self._text(text)
            return value if redacted == text else redacted
        return value

    def _object(self, content: dict[str, Any], trees: list[Tree]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in content.items():
            name = self._keys.named(key)
            if name is not None:
                value = self._gone(value, name, is_secret=squeeze(key) in _SECRET_KEYS)  # noqa: PLW2901
            else:
                value = self._place(value, key, below(trees, key))  # noqa: PLW2901
            result[self._free(self._text(key), result)] = value
        return result

    def _place(self, value: Any, name: str, trees: list[Tree]) -> Any:
        if any(END in tree for tree in trees):
            return self._gone(value, name, is_secret=False)
        return self.value(value, trees)

    def _gone(self, value: Any, name: str, *, is_secret: bool) -> Any:
        if value is None:
            return None  # a missing value is not a secret
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        label = name if _NAME.fullmatch(name) else "value"
        return self._instead(label, text, is_secret=is_secret)

    def _text(self, text: str) -> str:
        for rule in self._rules:
            text = replace(rule, text, self._found)
        return text

    def _found(self, rule: Rule, found: str) -> str:
        return self._instead(rule.name, found, is_secret=rule.is_secret)

    @staticmethod
    def _free(key: str, taken: Mapping[str, Any]) -> str:
        """Return a key; number it if the same text is taken."""
        number, free = 1, key
        while free in taken:
            number += 1
            free = f"{key}#{number}"
        return free


def _texts(field: str, given: Iterable[object]) -> list[str]:
    texts = [] if isinstance(given, str) else [item for item in given if isinstance(item, str)]
    if isinstance(given, str) or len(texts) != len(list(given)) or not all(texts):
        raise UsageError("redact", f"{field} of redact must be a list of texts")
    return texts


def _chosen(names: Iterable[str]) -> list[Rule]:
    chosen = set(_texts("detectors", names))
    for name in chosen.difference(DETECTORS):
        raise UsageError("redact", f"there is no detector {name}{meant(closest(name, DETECTORS))}")
    return [RULES[name] for name in DETECTORS if name in chosen]


def _own(patterns: Mapping[str, str | re.Pattern[str]]) -> list[Rule]:
    rules: list[Rule] = []
    for name, pattern in patterns.items():
        if not _NAME.fullmatch(name):
            raise UsageError(
                "redact", f"the name of a pattern must look like customer_number: {name!r}"
            )
        try:
            compiled = re.compile(pattern)
            finds_nothing = compiled.match("") is not None
        except (TypeError, re.error) as error:
            raise UsageError("redact", f"the pattern {name} cannot be used: {error}") from None
        if finds_nothing:
            raise UsageError("redact", f"the pattern {name} must not match an empty text")
        rules.append(Rule(name, compiled))
    return rules


def _function(function: Redact | None) -> Redact | None:
    if function is not None and not callable(cast("object", function)):
        raise UsageError("redact", "function of redact must be callable")
    return function


def _hash_key(redaction: Redaction) -> bytes | None:
    given = redaction.hash_key
    if given is None:
        if redaction.hash_run_id:
            raise UsageError("redact", "hash_run_id of redact needs hash_key")
        return None
    key = given.encode() if isinstance(given, str) else bytes(given)
    if len(key) < MIN_HASH_KEY_BYTES:
        raise UsageError(
            "redact", f"hash_key of redact must have {MIN_HASH_KEY_BYTES} bytes or more"
        )
    return key
