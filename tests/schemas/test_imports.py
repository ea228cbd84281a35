"""Modules that must load without pydantic do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", ["wire", "ids", "errors", "limits", "headers", "json_types"])
def test_the_hot_path_loads_no_pydantic(module: str):
    code = f"import sys, schemas.{module}; print('pydantic' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
