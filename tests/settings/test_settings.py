"""Settings: what is read, what is refused, and that every one is documented."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from schemas.limits import OPTION_RANGES
from streams.engine.definitions.definition import OPTION_NAMES
from streams.errors import SettingsError
from streams.faust_batches.credentials import faust_brokers, faust_credentials
from streams.kafka.client import client_options
from streams.settings.kafka import load_kafka_settings
from streams.settings.sections import SECTIONS
from streams.settings.worker import WorkerSettings, load_worker_settings

if TYPE_CHECKING:
    from pathlib import Path

SASL = {
    "DULY_SASL_MECHANISM": "SCRAM-SHA-512",
    "DULY_SASL_USERNAME": "duly",
    "DULY_SASL_PASSWORD": "secret-word",
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    def load(**variables: str) -> WorkerSettings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_worker_settings()

    return load


def test_defaults_make_a_worker_for_a_local_broker(load: Any) -> None:
    settings = load()
    assert (settings.broker, settings.app_id, settings.partitions) == ("localhost:9092", "duly", 8)
    assert client_options(settings)["security_protocol"] == "PLAINTEXT"
    assert faust_credentials(settings) is None


def test_several_brokers_are_separated_by_commas(load: Any) -> None:
    settings = load(DULY_BROKER="a:9092,b:9093")
    assert client_options(settings)["bootstrap_servers"] == ["a:9092", "b:9093"]
    assert faust_brokers(settings) == ["kafka://a:9092", "kafka://b:9093"]


def test_settings_cannot_be_changed(load: Any) -> None:
    with pytest.raises(ValidationError):
        load().broker = "other:9092"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"DULY_BROKER": "no-port"}, "DULY_BROKER"),
        ({"DULY_PARTITIONS": "0"}, "DULY_PARTITIONS: .*got '0'"),
        ({"DULY_PARTITIONS": "many"}, "DULY_PARTITIONS"),
        ({"DULY_REPLICATION": "0"}, "DULY_REPLICATION must be -1 or at least 1"),
        ({"DULY_APP_ID": "with space"}, "DULY_APP_ID"),
        ({"DULY_START": "yesterday"}, "DULY_START: must be earliest, latest or a time"),
        ({"DULY_START": "2026-01-31T12:00:00"}, "with its offset"),
        ({"DULY_GRACE_MS": "0"}, "DULY_GRACE_MS"),
        ({"DULY_LOG_LEVEL": "loud"}, "DULY_LOG_LEVEL"),
        ({"DULY_SSL_CA": "/nowhere.pem"}, "no file '/nowhere.pem'"),
        ({"DULY_SASL_USERNAME": "duly"}, "together"),
        (SASL, "DULY_SASL_ALLOW_PLAINTEXT"),
    ],
)
def test_what_is_wrong_is_refused_by_the_name_of_its_variable(
    load: Any, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load(**variables)


def test_every_wrong_variable_is_named_at_once(load: Any) -> None:
    with pytest.raises(SettingsError) as refused:
        load(DULY_PARTITIONS="0", DULY_WINDOW_MS="soon")
    assert "DULY_PARTITIONS" in str(refused.value)
    assert "DULY_WINDOW_MS" in str(refused.value)


def test_a_password_is_shown_nowhere(load: Any) -> None:
    settings = load(**SASL, DULY_SASL_ALLOW_PLAINTEXT="true")
    assert "secret-word" not in repr(settings) + settings.model_dump_json()
    with pytest.raises(SettingsError) as refused:
        load(**SASL, DULY_SASL_ALLOW_PLAINTEXT="false", DULY_PARTITIONS="0")
    assert "secret-word" not in str(refused.value)


def test_sasl_without_tls_works_where_it_is_asked_for(load: Any) -> None:
    settings = load(**SASL, DULY_SASL_ALLOW_PLAINTEXT="true")
    options = client_options(settings)
    assert options["security_protocol"] == "SASL_PLAINTEXT"
    assert options["sasl_plain_password"] == "secret-word"
    credentials: Any = faust_credentials(settings)
    assert credentials.protocol.value == "SASL_PLAINTEXT"


def test_sasl_goes_over_tls(load: Any) -> None:
    settings = load(**SASL, DULY_SSL_CA="system")
    options = client_options(settings)
    assert options["security_protocol"] == "SASL_SSL"
    assert isinstance(options["ssl_context"], ssl.SSLContext)
    credentials: Any = faust_credentials(settings)
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.ssl_context.verify_mode == ssl.CERT_REQUIRED


def test_tls_goes_without_sasl(load: Any) -> None:
    settings = load(DULY_SSL_CA="system")
    assert client_options(settings)["security_protocol"] == "SSL"
    credentials: Any = faust_credentials(settings)
    assert credentials.protocol.value == "SSL"


def test_a_file_that_holds_no_authority_is_refused(load: Any, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("not a certificate")
    with pytest.raises(SettingsError, match="holds no certificate authority"):
        load(DULY_SSL_CA=str(ca)).ssl_context()


def test_a_start_time_is_read_with_its_offset(load: Any) -> None:
    assert load(DULY_START="2026-01-31T12:00:00+01:00").start_time_ms == 1_769_857_200_000
    assert load(DULY_START="latest").start_time_ms is None


def test_every_flow_option_has_a_default_here_with_the_range_of_the_wire(load: Any) -> None:
    settings = load(DULY_CLOSED="true", DULY_SETTLE_MS="7")
    assert set(settings.flow_options) == OPTION_NAMES == {"closed", *OPTION_RANGES}
    assert settings.flow_options["settle_ms"] == 7
    assert settings.flow_options["closed"] is True


def test_a_client_of_kafka_is_not_stopped_by_a_wrong_setting_of_the_worker(load: Any) -> None:
    with pytest.raises(SettingsError, match="DULY_WINDOW_MS"):
        load(DULY_WINDOW_MS="soon", DULY_TOPIC_PREFIX="eu-")
    assert load_kafka_settings().topic_prefix == "eu-"


def test_the_worker_has_all_that_a_client_of_kafka_has(load: Any) -> None:
    worker, kafka = load(DULY_BROKER="a:9092").model_dump(), load_kafka_settings().model_dump()
    assert kafka.items() <= worker.items()


def test_every_setting_stands_in_one_section() -> None:
    listed = [name for section in SECTIONS for name in section.fields]
    assert sorted(listed) == sorted(WorkerSettings.model_fields)


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in WorkerSettings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        if name.endswith("_ms"):
            assert " ms" in field.description, f"{name} lacks its unit"
