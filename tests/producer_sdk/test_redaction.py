"""A `Redaction` removes what it names from events; nothing leaves where it cannot."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import producer_sdk
from producer_sdk import Redaction, UsageError, act, stats
from producer_sdk._config import resolve
from producer_sdk._redaction import DETECTORS, SENSITIVE_KEYS, detectors, matcher
from producer_sdk.testing import recorded

if TYPE_CHECKING:
    from producer_sdk._redaction.detectors import Rule
    from tests.producer_sdk.conftest import Recording

HASH_KEY = "a key of tests, of 16 bytes or more"


def sent(data: Any, redaction: Redaction | None = None, **fields: Any) -> dict[str, Any]:
    """Return what is sent of an event."""
    with recorded(redact=redaction or Redaction()) as events:
        act("a", "f", "r", data, **fields)
    return events[0]


def test_what_is_found_is_replaced_by_what_it_was() -> None:
    assert sent({"note": "ask max@example.de, or call +49 170 1234567"})["data"] == {
        "note": "ask [REDACTED_EMAIL], or call [REDACTED_PHONE]"
    }


def test_all_that_a_call_says_of_its_own_is_looked_at() -> None:
    event = sent(
        {"max@example.de": [{"x": ["10.1.2.3"]}]},
        additional_meta={"by": "max@example.de"},
        description="of max@example.de",
    )
    assert event["data"] == {"[REDACTED_EMAIL]": [{"x": ["[REDACTED_IPV4]"]}]}
    assert event["additional_meta"] == {"by": "[REDACTED_EMAIL]"}
    assert event["description"] == "of [REDACTED_EMAIL]"


def test_two_keys_that_come_to_the_same_keep_both_values() -> None:
    assert sent({"a@example.de": 1, "b@example.de": 2})["data"] == {
        "[REDACTED_EMAIL]": 1,
        "[REDACTED_EMAIL]#2": 2,
    }


def test_a_card_number_may_be_a_number() -> None:
    data = {"card": 4111111111111111, "order": 4111111111111112, "at": time.time_ns()}
    assert sent(data)["data"] == data | {"card": "[REDACTED_CARD]"}


def test_an_event_without_findings_is_sent_byte_for_byte(events: Recording) -> None:
    data = {"amount": 12.5, "big": 2**63, "note": "left at the door", "none": None, "l": [True]}
    assert sent(data)["data"] == data


def test_the_callers_data_stay_as_they_are() -> None:
    data = {"to": ["max@example.de"], "password": "x"}
    sent(data)
    assert data == {"to": ["max@example.de"], "password": "x"}


@pytest.mark.parametrize("key", ["password", "apiKey", "API-Key", "Set-Cookie", "client secret"])
def test_values_of_sensitive_keys_go_whatever_they_are(key: str) -> None:
    for value in ("x", 17, True, ["x"], {"x": 1}):
        [replaced] = sent({"in": {key: value}})["data"]["in"].values()
        assert replaced.startswith("[REDACTED_"), value
    assert sent({key: None})["data"] == {key: None}


def test_a_key_is_compared_whole() -> None:
    data = {"password_hint": "x", "tokens": 5, "opinion": "good"}
    assert sent(data)["data"] == data


def test_own_keys_are_in_place_of_the_built_in_ones_or_beside_them() -> None:
    assert sent({"birthday": "x", "password": "y"}, Redaction(keys=["birthday"]))["data"] == {
        "birthday": "[REDACTED_BIRTHDAY]",
        "password": "y",
    }
    beside = Redaction(keys=[*SENSITIVE_KEYS, "birthday"])
    assert sent({"birthday": "x", "pin": 1}, beside)["data"] == {
        "birthday": "[REDACTED_BIRTHDAY]",
        "pin": "[REDACTED_PIN]",
    }


def test_values_at_paths_go() -> None:
    data = {
        "name": "shop",
        "customer": {"name": "Max", "city": "Ulm"},
        "items": [{"serial": "S1", "n": 1}, {"serial": "S2", "n": 2}],
        "answers": {"a": "yes", "b": {"c": "no"}},
        "lines": ["one", "two"],
    }
    paths = ["customer.name", "items[].serial", "answers.*", "lines[]"]
    assert sent(data, Redaction(paths=paths))["data"] == {
        "name": "shop",
        "customer": {"name": "[REDACTED_NAME]", "city": "Ulm"},
        "items": [
            {"serial": "[REDACTED_SERIAL]", "n": 1},
            {"serial": "[REDACTED_SERIAL]", "n": 2},
        ],
        "answers": {"a": "[REDACTED_A]", "b": "[REDACTED_B]"},
        "lines": ["[REDACTED_ITEM]", "[REDACTED_ITEM]"],
    }


def test_own_patterns_are_searched_in_every_text() -> None:
    redaction = Redaction(patterns={"customer_number": r"\bK-\d{6}\b"})
    assert sent({"x": "of K-123456 and K-1"}, redaction)["data"] == {
        "x": "of [REDACTED_CUSTOMER_NUMBER] and K-1"
    }


def test_only_the_detectors_that_are_chosen_look() -> None:
    data = {"x": "max@example.de 10.1.2.3", "password": "y"}
    assert sent(data, Redaction(detectors=["ipv4"], keys=()))["data"] == data | {
        "x": "max@example.de [REDACTED_IPV4]"
    }


def test_a_function_sees_the_data_last_and_returns_what_is_sent() -> None:
    def scrub(data: dict[str, Any]) -> dict[str, Any]:
        seen.append(dict(data))
        return {"n": len(data.pop("items"))}

    seen: list[Any] = []
    data = {"items": [1, 2], "to": "max@example.de"}
    assert sent(data, Redaction(function=scrub))["data"] == {"n": 2}
    assert seen == [{"items": [1, 2], "to": "[REDACTED_EMAIL]"}]
    assert data["items"] == [1, 2]


# --- hashes


def test_with_a_key_the_same_value_has_the_same_hash_and_another_another() -> None:
    redaction = Redaction(hash_key=HASH_KEY)
    data = sent({"a": "max@example.de", "b": ["max@example.de", "eva@example.de"]}, redaction)[
        "data"
    ]
    assert data["a"] == data["b"][0] != data["b"][1]
    assert data["a"].startswith("[HASHED_EMAIL_")
    other = sent({"a": "max@example.de"}, Redaction(hash_key=HASH_KEY + "!"))["data"]
    assert data["a"] != other["a"]


def test_secrets_are_masked_even_with_a_key() -> None:
    data = {"password": "x", "t": "Authorization: Bearer 0123456789abcdef0123"}
    assert sent(data, Redaction(hash_key=HASH_KEY))["data"] == {
        "password": "[REDACTED_PASSWORD]",
        "t": "Authorization: Bearer [REDACTED_BEARER_TOKEN]",
    }


def test_own_keys_paths_and_patterns_are_hashed() -> None:
    redaction = Redaction(
        hash_key=HASH_KEY, keys=["birthday"], paths=["x"], patterns={"number": r"K-\d+"}
    )
    data = sent({"birthday": "1.1.", "x": 5, "y": "K-1"}, redaction)["data"]
    assert [value.rpartition("_")[0] for value in data.values()] == [
        "[HASHED_BIRTHDAY",
        "[HASHED_X",
        "[HASHED_NUMBER",
    ]


def test_run_ids_are_hashed_where_asked_for_so_that_runs_stay_together() -> None:
    redaction = Redaction(hash_key=HASH_KEY, hash_run_id=True)
    with recorded(redact=redaction) as events:
        act("a", "f", "max@example.de")
        act("b", "f", lambda: "max@example.de")
        act("b", "f", "eva@example.de")
    first, second, third = [event["run_id"] for event in events]
    assert first == second != third
    assert "example" not in first + third
    assert sent({}, Redaction(hash_key=HASH_KEY))["run_id"] == "r"


# --- what fails closed


@pytest.mark.parametrize(
    ("redaction", "reason"),
    [
        (Redaction(detectors=["emial"]), "there is no detector emial; was email meant?"),  # pyright: ignore[reportArgumentType]
        (Redaction(keys="password"), "keys of redact must be a list"),
        (Redaction(paths=["a..b"]), "'a..b' is not a path"),
        (Redaction(patterns={"x": "("}), "the pattern x cannot be used"),
        (Redaction(patterns={"x": "a*"}), "must not match an empty text"),
        (Redaction(patterns={"x y": "a"}), "the name of a pattern"),
        (Redaction(patterns=5), "redact cannot be used"),  # pyright: ignore[reportArgumentType]
        (Redaction(hash_key="short"), "must have 16 bytes"),
        (Redaction(hash_run_id=True), "needs hash_key"),
        (Redaction(function=5), "must be callable"),  # pyright: ignore[reportArgumentType]
        ("yes please", "must be true or false"),
        (5, "must be True, a Redaction or a function"),
    ],
)
def test_a_redaction_that_cannot_be_used_lets_nothing_be_sent(
    lenient: None, caplog: pytest.LogCaptureFixture, redaction: Any, reason: str
) -> None:
    producer_sdk.initialize("localhost:1", redact=redaction)
    act("a", "f", "r", {"x": 1})
    assert stats().ignored_not_initialized == 1
    assert reason in caplog.text


def test_an_event_that_cannot_be_redacted_is_refused_without_its_payload_in_the_log(
    lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    def scrub(data: dict[str, Any]) -> Any:
        raise ValueError(data["x"])

    with recorded(strict=False, redact=Redaction(function=scrub)) as events:
        act("a", "f", "r", {"x": "4111 secret"})
    with recorded(strict=False, redact=Redaction(function=lambda _: [])) as more:  # pyright: ignore[reportArgumentType]
        act("a", "f", "r", {"x": "4111 secret"})
    assert events == more == []
    assert stats().refused_invalid == 2
    assert "redact failed with ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_an_event_that_grows_too_big_is_refused(lenient: None) -> None:
    with recorded(strict=False, redact=Redaction()) as events:
        act("a", "f", "r", {"x": "a@b.cc " * 20_000})
    assert events == []
    assert stats().refused_too_big == 1


def test_data_nested_too_deep_for_a_walk_is_refused(lenient: None) -> None:
    data: dict[str, Any] = {"x": "max@example.de"}
    for _ in range(90):
        data = {"x": data}
    with recorded(strict=False, redact=Redaction()) as events:
        act("a", "f", "r", data)
    assert "example" not in str(events)


# --- settings


@pytest.mark.parametrize(("given", "expected"), [(True, Redaction()), (False, None), (None, None)])
def test_true_is_all_that_is_built_in(given: Any, expected: Redaction | None) -> None:
    assert resolve({"redact": given}, {}).config.redact == expected


def test_the_environment_can_turn_it_on() -> None:
    assert resolve({}, {"DULY_REDACT": "1"}).config.redact == Redaction()


def test_a_function_alone_is_all_that_is_done() -> None:
    def scrub(data: dict[str, Any]) -> dict[str, Any]:
        return data

    assert resolve({"redact": scrub}, {}).config.redact == Redaction(
        detectors=(), keys=(), function=scrub
    )


def test_no_key_is_shown() -> None:
    assert HASH_KEY not in repr(Redaction(hash_key=HASH_KEY))


def test_every_detector_has_a_rule_and_every_rule_a_gate() -> None:
    assert tuple(detectors.RULES) == DETECTORS
    assert all(rule.gates for rule in detectors.RULES.values())


@pytest.mark.parametrize("rule", detectors.RULES.values(), ids=lambda rule: rule.name)
@settings(max_examples=50)
@given(data=st.data())
def test_no_gate_is_closed_to_what_its_detector_finds(rule: Rule, data: st.DataObject) -> None:
    # Hypothesis does not know possessive repetition, which makes nothing else match.
    pattern = re.compile(
        re.sub(r"(?<!\\)([}*])\+", r"\1", rule.pattern.pattern), rule.pattern.flags
    )
    text = data.draw(st.from_regex(pattern))
    encoded = orjson.dumps({"text": text})
    is_opened = matcher.Matcher([rule]).rules_to_search(encoded, encoded.lower())
    assert is_opened or matcher.replace(rule, text, lambda _rule, _found: "") == text


# --- time

HOSTILE = {
    "letters": "a",
    "at signs": "a@",
    "many at signs": "@",
    "domains": "a@b.",
    "long labels": "a@" + "b" * 63 + ".",
    "digits": "4",
    "grouped digits": "4111 1111 1111 1112 ",
    "spaced digits": "1 ",
    "pluses": "+1 ",
    "phones": "+1 (2",
    "capitals": "DE89",
    "ibans": "DE89 3704 0044 0532 0130 01 ",
    "dots": "1.1.",
    "colons": "a:",
    "addresses": "::1 2001:db8::",
    "schemes": "://",
    "logins": "://a:b",
    "bearers": "bearer ",
    "basics": "basic aaaaaaaa ",
    "pem": "-----BEGIN PRIVATE KEY-----"[:26],
    "pem names": "-----BEGIN " + "A " * 20,
    "jwt": "eyJ",
    "jwt parts": "eyJaaaaaaaa.eyJaaaaaaaa",
    "assignments": "password=",
    "secret keys": "secret access key ",
    "tokens": "sk-",
    "underscores": "sk_live_",
    "hex": "deadbeef",
    "ssn": "123-45-678 ",
    "webhooks": "https://hooks.slack.com/services/",
}


def _seconds(text: str) -> float:
    """Return how long all detectors together take, at best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for rule in detectors.RULES.values():
            matcher.replace(rule, text, lambda _rule, _found: "")
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_time_in_proportion_to_its_length(name: str) -> None:
    unit = HOSTILE[name]
    short, long = (unit * (size // len(unit)) for size in (8_000, 64_000))
    # Eight times the text: quadratic time would be 64 times as long.
    assert _seconds(long) < 20 * max(_seconds(short), 0.002)


def test_redacting_is_not_worth_a_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="producer_sdk"):
        sent({"x": "max@example.de"})
    assert caplog.records == []


def test_in_strict_mode_a_failing_function_raises() -> None:
    with (
        recorded(redact=Redaction(function=lambda _: 1 // 0)),  # pyright: ignore[reportArgumentType]
        pytest.raises(UsageError),
    ):
        act("a", "f", "r", {"x": 1})
