"""docs/cli.md says everything that `duly` takes, and nothing that it does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.root import app
from tests.support.markdown import ROOT, section

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs" / "cli.md"
ROWS = re.compile(r"^\| ((?:`[^`]+`(?:, )?)+) \|", re.MULTILINE)


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, f"{path} {name}")


ROOT_COMMAND: Any = typer.main.get_command(app)
COMMANDS = dict(leaves(ROOT_COMMAND, "duly"))


def documented(path: str) -> set[str]:
    rows = ROWS.findall(section(PAGE, f"## `{path}`"))
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def taken(command: Any) -> set[str]:
    names: set[str] = set()
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            names.add(parameter.metavar or parameter.name.upper())
        elif parameter.name != "help":
            names.update(parameter.opts)
    return names


@pytest.mark.parametrize("path", COMMANDS)
def test_each_command_has_a_section_with_exactly_its_options(path: str) -> None:
    assert documented(path) == taken(COMMANDS[path])
    assert section(PAGE, f"## `{path}`").strip()


def test_the_root_has_its_options_too() -> None:
    assert documented("duly") == taken(ROOT_COMMAND) | {"-h", "--help"}


def test_there_is_no_section_for_a_command_that_is_not_there() -> None:
    headings = set(re.findall(r"^## `(.+)`$", PAGE.read_text(), re.MULTILINE))
    assert headings == {"duly", *COMMANDS}


@pytest.mark.parametrize("path", COMMANDS)
def test_each_command_has_an_example_on_the_page_and_in_its_help(path: str) -> None:
    assert re.search(rf"^(\w+=\S+ )*{path}\b", section(PAGE, f"## `{path}`"), re.MULTILINE)
    assert f"{path}" in re.sub(r"\s+", " ", COMMANDS[path].help)


def test_the_page_has_every_exit_code() -> None:
    codes = re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert codes == [*(str(code.value) for code in ExitCode), "130"]
