"""A flow whose scripts do not compile is neither valid nor published, whatever their language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Duly

FLOW = """\
flow: f
nodes:
  - id: a
    filter: {engine: cel, script: 'data.['}
  - id: b
    validator:
      engine: js
      script: while
  - id: c
    validator: {engine: python, script: 'data['}
"""
PROBLEMS = [
    "4: node a: filter.script: cannot be used: cel, line 1, column 6: Syntax error",
    "8: node b: validator.script: cannot be used: js, line 1, column 1: SyntaxError",
    "10: node c: validator.script: cannot be used: python, line 1, column 5: '[' was never closed",
]


@pytest.mark.parametrize("command", ["validate", "apply"])
def test_each_is_named_with_file_line_and_reason(duly: Duly, tmp_path: Path, command: str) -> None:
    """No broker is there: `apply` refuses before it looks for one."""
    file = tmp_path / "f.yaml"
    file.write_text(FLOW)
    result = duly("flow", command, file)
    assert (result.exit_code, result.stdout) == (2, "")
    for problem in PROBLEMS:
        assert f"{file}:{problem}" in result.stderr


def test_scripts_that_compile_are_valid(duly: Duly, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "flow: f\n"
        "nodes:\n"
        "  - {id: a, filter: {engine: cel, script: data.n > 0}}\n"
        "  - {id: b, validator: {engine: js, script: data.n > 0}}\n"
        "  - {id: c, validator: {engine: python, script: 'data[\"n\"] > 0'}}\n"
    )
    result = duly("flow", "validate", file)
    assert (result.exit_code, result.stderr) == (0, "")
