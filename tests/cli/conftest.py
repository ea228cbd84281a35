from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest
from typer.testing import CliRunner

from streams.cli.root import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

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


@pytest.fixture
def duly(monkeypatch: pytest.MonkeyPatch) -> Duly:
    """The command line, without settings of the machine it runs on."""
    for name in os.environ:
        if name.startswith("DULY_"):
            monkeypatch.delenv(name)

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
