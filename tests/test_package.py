"""`import streams` is light; `streams.app` is the worker; a foreign `schemas` is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from streams import check_own_packages
from streams.errors import (
    BrokerUnavailable,
    DulyError,
    LeaseLost,
    SettingsError,
    ShadowedPackage,
    TopicMismatch,
    UnreadableRecords,
    UnreadableState,
    WrongVersion,
    exit_code_of,
)

ROOT = Path(__file__).resolve().parents[1]


def run(program: str, *, path: list[Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    paths = ":".join(map(str, path))
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_engine_is_imported_without_faust_and_without_settings(tmp_path: Path) -> None:
    program = (
        "import sys, streams.engine.partition\n"
        "print([name for name in ('faust', 'aiokafka', 'pydantic_settings') if name in sys.modules])"
    )
    assert run(program, path=[ROOT], cwd=tmp_path).stdout == "[]\n"


def test_the_app_is_made_once(tmp_path: Path) -> None:
    program = "import streams; print(type(streams.app).__name__, streams.app is streams.app)"
    assert run(program, path=[ROOT], cwd=tmp_path).stdout == "App True\n"


def test_an_attribute_that_is_not_there_is_not_made_up() -> None:
    import streams

    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = streams.no_such_thing


def test_our_own_packages_are_found() -> None:
    check_own_packages()


@pytest.mark.parametrize("kind", ["module", "package"])
def test_a_foreign_schemas_is_named_and_not_run(tmp_path: Path, kind: str) -> None:
    foreign = tmp_path / ("schemas.py" if kind == "module" else "schemas/__init__.py")
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("print('run')\n")
    ended = run("import streams; streams.app", path=[tmp_path, ROOT], cwd=tmp_path)
    assert ended.returncode == 2
    assert str(foreign) in ended.stderr
    assert "duly worker" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), 2),
        (ShadowedPackage("x"), 2),
        (WrongVersion("x"), 2),
        (BrokerUnavailable("x"), 4),
        (TopicMismatch("x"), 4),
        (UnreadableRecords("x"), 4),
        (UnreadableState("x"), 70),
        (LeaseLost("x"), 70),
        (DulyError("x"), 70),
        (RuntimeError("x"), 70),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code
