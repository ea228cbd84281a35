from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from streams.settings.kafka import KafkaSettings
from streams.settings.worker import WorkerSettings

if TYPE_CHECKING:
    from tests.support.command_line import Duly


def rows(stdout: str) -> dict[str, list[str]]:
    """Return the columns behind each variable; the lines between sections have none."""
    lines = [line.split() for line in stdout.splitlines() if line.startswith("DULY_")]
    return {variable: columns for variable, *columns in lines}


def test_each_kind_of_process_has_a_section_of_its_own(duly: Duly) -> None:
    shown = duly("config", "show").stdout
    kafka, worker = shown.split("\n\n")
    assert kafka.splitlines()[0] == "[kafka]"
    assert list(rows(kafka)) == [f"DULY_{name.upper()}" for name in KafkaSettings.model_fields]
    assert worker.splitlines()[0] == "[worker]"
    assert len(rows(kafka) | rows(worker)) == len(WorkerSettings.model_fields)
    assert not rows(kafka).keys() & rows(worker).keys()


def test_every_setting_is_shown_with_its_value_and_origin(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_PARTITIONS", "3")
    monkeypatch.setenv("DULY_TOPIC_PREFIX", "")
    result = duly("config", "show")
    assert (result.exit_code, result.stderr) == (0, "")
    shown = rows(result.stdout)
    assert list(shown) == [f"DULY_{name.upper()}" for name in WorkerSettings.model_fields]
    assert shown["DULY_PARTITIONS"] == ["3", "environment"]
    assert shown["DULY_BROKER"] == ["localhost:9092", "default"]
    assert shown["DULY_CLOSED"] == ["false", "default"]
    assert shown["DULY_SSL_CA"] == ["none", "default"]
    # An empty variable counts as none (`env_ignore_empty`).
    assert shown["DULY_TOPIC_PREFIX"] == ['""', "default"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_secret_is_masked(
    duly: Duly, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setenv("DULY_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("DULY_SASL_USERNAME", "judge")
    monkeypatch.setenv("DULY_SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("DULY_SASL_ALLOW_PLAINTEXT", "true")
    result = duly("config", "show", *options)
    assert result.exit_code == 0
    assert "hunter2" not in result.output
    assert "**********" in result.stdout
    assert "judge" in result.stdout


def test_json_has_values_as_json_and_what_each_means(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("duly_closed", "true")
    result = duly("config", "show", "--json")
    settings = {setting["variable"]: setting for setting in json.loads(result.stdout)}
    assert settings["DULY_CLOSED"] == {
        "section": "worker",
        "variable": "DULY_CLOSED",
        "value": True,
        "origin": "environment",
        "meaning": WorkerSettings.model_fields["closed"].description,
    }
    assert settings["DULY_WINDOW_MS"]["value"] == 900_000
    assert settings["DULY_BROKER"]["section"] == "kafka"


def test_a_misspelt_setting_is_named_and_one_of_the_sdk_is_not(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_PARTITION", "3")
    for name in ("CLIENT_ID", "DISABLED", "LINGER_MS", "EXIT_TIMEOUT_MS"):
        monkeypatch.setenv(f"DULY_{name}", "1")
    result = duly("config", "show")
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: DULY_PARTITION is not a setting of the worker; did you mean DULY_PARTITIONS?\n"
    )


def test_the_old_name_of_a_setting_is_named(duly: Duly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_RETENTION_MS", "1000")
    result = duly("config", "show")
    assert result.stderr == (
        "warning: DULY_RETENTION_MS is now DULY_FORGET_AFTER_MS; the old name has no effect\n"
    )


def test_a_wrong_setting_is_exit_2_with_its_name(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_PARTITIONS", "many")
    result = duly("config", "show")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "DULY_PARTITIONS" in result.stderr


def test_a_command_that_needs_kafka_alone_is_not_stopped_by_a_wrong_setting_of_the_worker(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_WINDOW_MS", "soon")
    monkeypatch.setenv("DULY_BROKER", "127.0.0.1:1")
    result = duly("topics", "plan")
    assert result.exit_code == 4
    assert "no Kafka broker serves us" in result.stderr
