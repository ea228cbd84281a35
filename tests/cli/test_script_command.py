from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from streams.cli.script import ScriptLanguage
from streams.scripts.script_cache import LANGUAGES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Duly

SCRIPTS = {
    "paid.py": 'data["amount"] == ctx["data"]["total"]',
    "paid.cel": "data.amount == ctx.data.total",
    "paid.js": "data.amount === ctx.data.total",
}
PAID = ("--data", '{"amount": 5}', "--ctx", '{"data": {"total": 5}}')
UNDERPAID = ("--data", '{"amount": 6}', "--ctx", '{"data": {"total": 5}}')
REFUSED = {
    "python": ("data[", "python, line 1, column 5: '[' was never closed"),
    "cel": ("data.[", "cel, line 1, column 6: Syntax error"),
    "js": ("while", "js, line 1, column 1: SyntaxError"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one script of each engine."""
    for name, source in SCRIPTS.items():
        (tmp_path / name).write_text(f"{source}\n")
    return tmp_path


def test_every_engine_of_the_sandbox_can_be_named() -> None:
    assert [language.value for language in ScriptLanguage] == list(LANGUAGES)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_compiles(duly: Duly, folder: Path, name: str) -> None:
    result = duly("script", "check", folder / name)
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        f"{folder / name}: compiles\n",
        "",
    )


@pytest.mark.parametrize("engine", REFUSED)
def test_a_script_that_is_refused_says_where_and_why(duly: Duly, engine: str) -> None:
    source, reason = REFUSED[engine]
    result = duly("script", "check", "--engine", engine, "-", stdin=source)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: -: {reason}")

    result = duly("script", "check", "--engine", engine, "--json", "-", stdin=source)
    assert result.exit_code == 1
    checked = json.loads(result.stdout)
    assert (checked["engine"], checked["kind"], checked["compiles"]) == (
        engine,
        "validator",
        False,
    )
    assert checked["reason"].startswith(reason)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_run_on_an_event(duly: Duly, folder: Path, name: str) -> None:
    right = duly("script", "run", folder / name, *PAID)
    assert (right.exit_code, right.stdout) == (0, "true\n")
    assert right.stderr.startswith("the event is right (")

    wrong = duly("script", "run", folder / name, *UNDERPAID)
    assert wrong.exit_code == 1
    assert wrong.stdout.startswith("false: ")
    assert wrong.stdout.endswith("→ 6 == 5\n" if name != "paid.js" else "→ 6 === 5\n")
    assert wrong.stderr.startswith("its node fails with validator (")


def run(duly: Duly, source: str, *options: str) -> dict[str, Any]:
    """Return what `duly script run --json` says of a python script."""
    return json.loads(
        duly("script", "run", "--engine", "python", "--json", *options, "-", stdin=source).stdout
    )


@pytest.mark.parametrize(
    ("kind", "source", "outcome", "meaning"),
    [
        ("filter", "True", "true", "the event counts"),
        ("filter", "False", "false", "the event does not count"),
        ("filter", "None", "none", "the event does not count"),
        ("filter", "1", "other", "its node fails with filter_error"),
        ("validator", "None", "none", "its node fails with validator_error"),
        ("validator", "data['x']", "error", "its node fails with validator_error"),
        ("validator", "data[", "not_compiled", "its node fails with definition"),
        (
            "validator",
            "def f(data, ctx):\n    while True: pass",
            "limit",
            "its node fails with validator_error",
        ),
    ],
)
def test_it_says_what_a_worker_makes_of_an_answer(
    duly: Duly, kind: str, source: str, outcome: str, meaning: str
) -> None:
    answer = run(duly, source, "--kind", kind)
    assert (answer["kind"], answer["outcome"], answer["meaning"]) == (kind, outcome, meaning)
    assert answer["duration_ms"] > 0


def test_the_limits_are_those_of_the_settings(duly: Duly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_SCRIPT_TIMEOUT_MS", "20")
    answer = run(duly, "def f(data, ctx):\n    while True: pass")
    assert "took too long (20 ms and 64 MiB are allowed)" in answer["detail"]


def test_data_and_ctx_can_come_from_files(duly: Duly, folder: Path) -> None:
    (folder / "data.json").write_text('{"amount": 5}')
    (folder / "ctx.json").write_text('{"data": {"total": 5}}')
    files = ("--data", f"@{folder}/data.json", "--ctx", f"@{folder}/ctx.json")
    assert duly("script", "run", folder / "paid.py", *files).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["check", "nowhere.py"], "nowhere.py: cannot be read: No such file or directory"),
        (["check", "-"], "-: its name does not end in .py, .cel or .js: give --engine"),
        (["run", "paid.py", "--data", "[1]"], "--data: must be a JSON object, not list"),
        (["run", "paid.py", "--ctx", "{"], "--ctx: is not JSON"),
        (["run", "paid.py", "--data", "@nowhere"], "nowhere: cannot be read"),
    ],
)
def test_what_is_no_script_or_no_event_is_usage(
    duly: Duly,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(folder)
    result = duly("script", *arguments, stdin="True")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {reason}")


def test_a_file_that_is_not_text(duly: Duly, folder: Path) -> None:
    (folder / "binary.py").write_bytes(b"ab\xff")
    result = duly("script", "check", folder / "binary.py")
    assert result.exit_code == 2
    assert "is not UTF-8 text (byte 2)" in result.stderr
