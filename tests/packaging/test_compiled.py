"""The wheel with a compiled engine judges as the sources do."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from streams.flows.files import dump_flow
from tests.support.compiled import compiled_engine
from tests.support.shared_kafka import ROOT
from tests.support.standard_job import definition, events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("packaging"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler: cc"),
]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PATTERNS: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"][
    "include"
]
COMPILED = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern.removeprefix("/")))
START_NS = 1_790_000_000_000_000_000
EVENTS = 4_000
SOURCES_ONLY = tuple(
    f"tests/engine/test_{name}.py" for name in ("fast_path", "live_runs", "acyclic", "theory")
)
"""Replace parts of the engine, look into its objects or read its sources: nobody can in a compiled one."""


@pytest.fixture(scope="module", autouse=True)
def compiled() -> Iterator[None]:
    """All Python processes that are started here import the compiled engine."""
    with compiled_engine():
        yield


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def module_name(path: Path) -> str:
    """Return the name by which a file of the sources is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def replay(folder: Path, *options: str) -> str:
    done = run(folder, *options, "-m", "streams.cli", "replay", "--flow", "flow.yaml", "log.jsonl")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_of_the_list_is_compiled(tmp_path: Path) -> None:
    names = [module_name(path) for path in COMPILED]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: print(importlib.import_module(name).__file__)"
    )
    done = run(tmp_path, "-c", code, *names)
    files = dict(zip(names, done.stdout.split(), strict=True))
    assert {name for name, file in files.items() if not file.endswith(".so")} == set(), done
    assert not [file for file in files.values() if file.startswith(str(ROOT / "streams"))]


def test_no_module_of_the_engine_is_missing_from_the_list() -> None:
    assert set((ROOT / "streams/engine").rglob("*.py")) <= set(COMPILED)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_entry_of_the_list_names_modules_that_are_there(pattern: str) -> None:
    assert list(ROOT.glob(pattern.removeprefix("/")))


@pytest.mark.parametrize("file", SOURCES_ONLY)
def test_each_file_that_is_left_out_is_there(file: str) -> None:
    assert (ROOT / file).exists()


def test_what_is_made_for_each_event_is_hidden_from_the_collector(tmp_path: Path) -> None:
    code = (
        "import gc; from schemas.wire import Event; from streams.engine.records import Record\n"
        "event = Event('e', 'f', 'n', 'r', 1, b'{}')\n"
        "print(gc.is_tracked(event), gc.is_tracked(Record(0, 1, event)))"
    )
    done = run(tmp_path, "-c", code)
    assert done.stdout.split() == ["False", "False"], done


def test_the_same_log_gives_the_same_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flow.yaml").write_text(dump_flow(definition(1)))
    log = b"\n".join(event.value for event in events(EVENTS, START_NS))
    (tmp_path / "log.jsonl").write_bytes(log)
    fast = replay(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert replay(tmp_path) == fast
    assert fast.count("\n") > EVENTS // 5


def test_the_rules_hold(tmp_path: Path) -> None:
    """The tests of the rules, on the compiled engine."""
    shutil.copytree(ROOT / "tests", tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--no-header"]
    options += [option for file in SOURCES_ONLY for option in ("--ignore", file)]
    done = run(tmp_path, "-m", "pytest", *options, "tests/engine")
    assert done.returncode == 0, done.stdout[-3_000:]
