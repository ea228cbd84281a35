"""The SDK as a type checker sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.shared_kafka import ROOT

HERE = Path(__file__).parent


def check(*files: Path) -> list[dict[str, Any]]:
    """Return what pyright finds in the files."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(files)
    return report["generalDiagnostics"]


@pytest.mark.slow
def test_right_calls_pass_and_each_wrong_call_is_refused() -> None:
    assert check(HERE / "sdk_right.py", HERE / "sdk_wrong.py") == []


@pytest.mark.slow
def test_the_check_would_see_a_wrong_call(tmp_path: Path) -> None:
    file = tmp_path / "sdk_unmarked.py"
    marked = (HERE / "sdk_wrong.py").read_text()
    file.write_text(marked.replace("# pyright: ignore", "# "))
    calls = marked.count("# pyright: ignore[")
    errors = [item for item in check(file) if item["severity"] == "error"]
    assert len({item["range"]["start"]["line"] for item in errors}) == calls
