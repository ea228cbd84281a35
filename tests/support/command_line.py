"""The command line in tests: run in this process, without the settings of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest
from typer.testing import CliRunner

from streams.cli.root import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from tests.support.shared_kafka import SharedKafka

FLOW = """\
flow: f
window_ms: 10000
nodes:
  - id: a
  - id: b
    dep_ids: [a]
    conditions: [{timeout_ms: 1000}]
    validator: {engine: python, script: 'data["x"] == 1'}
"""


class Duly(Protocol):
    """Runs the command line in this process."""

    def __call__(self, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        """Run `duly` with arguments."""
        ...


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the settings of the machine that the tests run on."""
    for name in list(os.environ):
        if name.startswith("DULY_"):
            monkeypatch.delenv(name)


@pytest.fixture
def duly() -> Duly:
    """The command line."""

    def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        # Wide enough that no text is broken where a test looks for it.
        result = CliRunner().invoke(
            app, [str(argument) for argument in arguments], input=stdin, env={"COLUMNS": "200"}
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def flow_file(tmp_path: Path) -> Path:
    """A flow file: b after a, within a second, with a validator."""
    path = tmp_path / "f.yaml"
    path.write_text(FLOW)
    return path


@pytest.fixture
def broker(kafka: SharedKafka, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings of a broker that has no topic of this test yet; returns its address."""
    monkeypatch.setenv("DULY_BROKER", kafka.bootstrap)
    monkeypatch.setenv("DULY_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("DULY_APP_ID", f"{topic_prefix}app")
    monkeypatch.setenv("DULY_PARTITIONS", "2")
    return kafka.bootstrap


@pytest.fixture
def topics(broker: str, duly: Duly) -> str:
    """The topics of this test, on a broker; returns its address."""
    assert duly("topics", "apply").exit_code == 0
    return broker
