from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from schemas.errors import DefinitionProblem, InvalidDefinition
from streams.cli.exit_codes import DulyGroup
from streams.errors import BrokerUnavailable, DulyError, LeaseLost, SettingsError

if TYPE_CHECKING:
    from tests.support.command_line import Duly


def test_version_is_that_of_the_distribution(duly: Duly) -> None:
    result = duly("--version")
    assert (result.exit_code, result.stdout) == (0, f"duly {version('duly')}\n")


def test_the_help_says_what_the_exit_codes_mean(duly: Duly) -> None:
    result = duly("--help")
    assert "Exit codes: 0 success; 1 a verdict failed" in result.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["replay"], ["verdicts", "--status", "green"]])
def test_a_wrong_call_is_a_usage_error_on_stderr(duly: Duly, arguments: list[str]) -> None:
    result = duly(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error" in result.stderr


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (SettingsError("no"), 2),
        (InvalidDefinition([DefinitionProblem("", None, "no")]), 2),
        (BrokerUnavailable("no"), 4),
        (LeaseLost("no"), 70),
        (DulyError("no"), 70),
    ],
)
def test_an_error_becomes_a_sentence_and_its_exit_code(error: Exception, exit_code: int) -> None:
    app = typer.Typer(cls=DulyGroup)

    @app.command()
    def fail() -> None:
        raise error

    @app.command()
    def other() -> None: ...

    result = CliRunner().invoke(app, ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (exit_code, "", "error: no\n")
    assert other


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_its_extra_the_command_says_what_to_install(package: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; import streams.cli; streams.cli.main()"
    result: Any = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert result.returncode == 2
    assert result.stderr.decode() == (
        f"duly: the command line needs {package}: pip install 'duly[cli]'\n"
    )


def test_help_loads_neither_faust_nor_a_kafka_client() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['duly', '--help']\n"
        "import streams.cli\n"
        "try:\n"
        "    streams.cli.main()\n"
        "except SystemExit:\n"
        "    print(sorted({'faust', 'aiokafka'} & set(sys.modules)), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert result.stderr == b"[]\n"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("duly doc", {"doctor"}),
        ("duly dead-letters ", {"list", "show", "retry"}),
        ("duly replay --com", {"--compare"}),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, completed: set[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    asked = subprocess.run(
        [Path(sys.executable).with_name("duly")],
        env=os.environ | words | {"_DULY_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(asked.stdout.split()) == completed
