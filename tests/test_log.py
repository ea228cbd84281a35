"""Log lines: JSON with the agreed fields, the libraries' lines too."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from streams.log import configure_logging, faust_logger, get_logger
from streams.settings.kafka import KafkaSettings

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(autouse=True)
def _restore_logging() -> Generator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == "", "stdout is for data"
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_is_one_json_object_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(KafkaSettings(log_format="json"))
    get_logger("streams.kafka.test").info("partitions assigned", partitions=[0, 1], generation=3)
    (line,) = lines(capsys)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "streams.kafka.test",
        "event": "partitions assigned",
        "partitions": [0, 1],
        "generation": 3,
    }


def test_an_error_has_a_type_a_message_and_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(KafkaSettings(log_format="json"))
    try:
        int("no number")
    except ValueError as error:
        get_logger("test").critical("worker failed", exc_info=error)
        get_logger("test").exception("again")
    for line in lines(capsys):
        assert line["error"] == {"type": "ValueError", "message": str(error_of("no number"))}
        assert "test_log.py" in line["stack"]


def error_of(text: str) -> ValueError:
    return ValueError(f"invalid literal for int() with base 10: {text!r}")


def test_lines_of_libraries_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(KafkaSettings(log_format="json"))
    logging.getLogger("some.library").warning("%s is full", "disk")
    (line,) = lines(capsys)
    assert (line["level"], line["logger"], line["event"]) == (
        "warning",
        "some.library",
        "disk is full",
    )


@pytest.mark.parametrize("name", ["aiokafka.producer", "faust.transport", faust_logger.name])
def test_libraries_that_would_show_payloads_are_kept_quiet_even_at_debug(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    configure_logging(KafkaSettings(log_format="json", log_level="debug"))
    logging.getLogger(name).debug("Sending (key=%s value=%s)", b"k", b"secret")
    logging.getLogger(name).info("record %s", b"secret")
    logging.getLogger(name).warning("broker is away")
    assert [line["event"] for line in lines(capsys)] == ["broker is away"]


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(KafkaSettings(log_format="json", log_level="warning"))
    get_logger("test").info("nothing")
    assert lines(capsys) == []


def test_auto_is_json_where_stderr_is_no_terminal_and_console_where_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging(KafkaSettings(log_format="auto"))
    get_logger("test").info("plain")
    assert [line["event"] for line in lines(capsys)] == ["plain"]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure_logging(KafkaSettings(log_format="auto"))
    get_logger("test").info("for people", partition=3)
    shown = capsys.readouterr().err
    assert "for people" in shown
    assert not shown.startswith("{")
