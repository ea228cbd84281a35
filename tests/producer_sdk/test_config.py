"""Settings: argument over environment over default, and what is wrong is said."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from producer_sdk import Settings, act, initialize, shutdown, stats
from producer_sdk._client import client
from producer_sdk._config import ALIASES, Config, resolve
from producer_sdk._delivery import Delivery
from producer_sdk._guard import guard
from producer_sdk._transport.null import NullSink
from producer_sdk._transport.security import security_options

BROKER = {"bootstrap_servers": "localhost:9092"}


def test_an_argument_wins_over_the_environment_and_that_over_the_default() -> None:
    environment = {"DULY_BROKER": "a:1, b:2", "DULY_LINGER_MS": "7", "DULY_CLIENT_ID": ""}
    config = resolve({"linger_ms": 8}, environment).config
    assert config == Config(bootstrap_servers=("a:1", "b:2"), linger_ms=8)


@pytest.mark.parametrize("given", ["a:1,b:2", ["a:1", "b:2"], ("a:1", "b:2")])
def test_servers_are_a_text_or_a_list(given: Any) -> None:
    assert resolve({"bootstrap_servers": given}, {}).config.bootstrap_servers == ("a:1", "b:2")


@pytest.mark.parametrize("text", ["1", "true", "YES", "on"])
def test_flags_are_written_in_the_usual_ways(text: str) -> None:
    assert resolve(BROKER, {"DULY_DISABLED": text}).config.disabled


def test_the_prefix_stands_before_the_topic() -> None:
    assert resolve({"topic_prefix": "eu-"}, {}).config.topic == "eu-flow-events.v1"


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ({"linger_ms": -1}, {}, "linger_ms must be an integer from 0 to 10000"),
        ({"linger_ms": 1.5}, {}, "linger_ms must be an integer"),
        ({"linger_ms": True}, {}, "linger_ms must be an integer"),
        ({}, {"DULY_LINGER_MS": "5ms"}, "DULY_LINGER_MS must be an integer"),
        ({"compression": "rar"}, {}, "compression must be one of none, gzip"),
        ({"idempotence": "maybe"}, {}, "idempotence must be true or false"),
        ({"client_id": 5}, {}, "client_id must be a text"),
        ({"max_queue_event": 5}, {}, "there is no setting max_queue_event; was max_queue_events"),
        ({"zzz": 5}, {}, "there is no setting zzz"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_the_default_taken(
    arguments: dict[str, Any], environment: dict[str, str], message: str
) -> None:
    resolved = resolve({**BROKER, **arguments}, environment)
    assert message in resolved.problems[0].message
    assert resolved.config == Config(bootstrap_servers=("localhost:9092",))
    assert resolved.obstacle is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bootstrap_servers": None}, "no broker is set"),
        ({"bootstrap_servers": "localhost"}, "must be host:port"),
        ({"bootstrap_servers": 9092}, "must be host:port"),
        ({"bootstrap_servers": []}, "must be host:port"),
        ({"ssl_ca": 5}, "ssl_ca must be a text"),
        ({"ssl_caa": "ca.pem"}, "there is no setting ssl_caa; was ssl_ca meant?"),
        ({"topic_prefix": 5}, "topic_prefix must be a text"),
        ({"sasl_mechanism": "PLAIN"}, "SASL needs sasl_mechanism, sasl_username and"),
        ({"sasl_username": "u", "sasl_password": "p"}, "SASL needs sasl_mechanism"),
        ({"sasl_mechanism": "GSSAPI"}, "sasl_mechanism must be one of PLAIN, SCRAM-SHA-256"),
        (
            {"sasl_mechanism": "PLAIN", "sasl_username": "u", "sasl_password": "p"},
            "SASL without TLS sends the password in clear text: set ssl_ca",
        ),
    ],
)
def test_nothing_is_sent_where_it_would_go_elsewhere_or_readable_to_others(
    lenient: None, caplog: pytest.LogCaptureFixture, arguments: dict[str, Any], message: str
) -> None:
    settings: dict[str, Any] = {**BROKER, **arguments}
    initialize(**settings)
    assert message in caplog.text
    assert "nothing is sent" in caplog.text
    act("a", "f", "r")
    assert stats().ignored_not_initialized == 1


def test_a_strict_initialize_raises_what_it_cannot_use() -> None:
    guard.strict = False
    with pytest.raises(Exception, match="no broker is set"):
        initialize(strict=True)
    with pytest.raises(Exception, match="there is no setting typo"):
        initialize("localhost:9092", strict=True, typo=5)  # pyright: ignore[reportCallIssue]


def test_disabled_needs_no_broker_and_does_no_work() -> None:
    initialize(disabled=True)
    act("a", "f", lambda: pytest.fail("called"))
    assert stats().ignored_disabled == 1
    assert shutdown()


def test_initialize_again_with_the_same_settings_changes_nothing() -> None:
    initialize("localhost:9092")
    sink = client.sink
    initialize("localhost:9092")
    assert client.sink is sink


def test_initialize_again_with_other_settings_says_that_they_are_not_taken(
    lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    initialize("localhost:9092")
    sink = client.sink
    initialize("localhost:9093")
    assert client.sink is sink
    assert "initialize() was called before with other settings, which stay" in caplog.text


def test_initialize_starts_no_thread_so_that_a_server_may_fork_after_it() -> None:
    initialize("localhost:9092")
    assert isinstance(client.sink, Delivery)
    assert client.sink._thread is None


def test_after_shutdown_other_settings_are_taken() -> None:
    initialize("localhost:9092")
    assert shutdown()
    assert isinstance(client.sink, NullSink)
    initialize("localhost:9093", linger_ms=1)
    assert client._config == Config(bootstrap_servers=("localhost:9093",), linger_ms=1)


def test_every_setting_is_an_argument_of_initialize_and_a_variable() -> None:
    names = {field.name for field in dataclasses.fields(Config)}
    assert {*names, *ALIASES} == {"bootstrap_servers", *Settings.__annotations__}
    for field in dataclasses.fields(Config):
        assert field.metadata["env"].startswith("DULY_")
        assert field.metadata["description"].endswith(".")


# --- TLS and SASL

CERTIFICATE = Path(__file__).parent / "authority.pem"


@pytest.mark.parametrize(
    ("settings", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"ssl_ca": "system"}, "SSL"),
        ({"ssl_ca": CERTIFICATE}, "SSL"),
        ({"sasl_mechanism": "PLAIN", "sasl_allow_plaintext": True}, "SASL_PLAINTEXT"),
        ({"sasl_mechanism": "SCRAM-SHA-512", "ssl_ca": "system"}, "SASL_SSL"),
    ],
)
def test_tls_is_on_with_an_authority_and_sasl_with_a_mechanism(
    settings: dict[str, Any], protocol: str
) -> None:
    login = {"sasl_username": "u", "sasl_password": "p"} if "sasl_mechanism" in settings else {}
    resolved = resolve({**BROKER, **settings, **login}, {})
    assert (resolved.problems, resolved.obstacle) == ([], None)
    options = security_options(resolved.config)
    assert options["security_protocol"] == protocol
    assert (options["ssl_context"] is not None) == ("ssl_ca" in settings)
    assert options.get("sasl_plain_username") == login.get("sasl_username")


def test_a_file_of_authorities_alone_is_trusted() -> None:
    context = security_options(resolve({**BROKER, "ssl_ca": CERTIFICATE}, {}).config)["ssl_context"]
    [authority] = context.get_ca_certs()
    assert "duly test authority" in str(authority["subject"])


def test_the_password_is_never_shown() -> None:
    config = resolve({**BROKER, "sasl_password": "hunter2"}, {}).config
    assert config.sasl_password == "hunter2"
    assert "hunter2" not in repr(config)
