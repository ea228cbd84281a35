"""Every block of code in the docs is run or checked."""

from __future__ import annotations

import json
import re
import runpy
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

import producer_sdk
from producer_sdk.testing import recorded
from schemas.encoding import encode_json
from schemas.v1.event import EventModel
from schemas.v1.verdict import Verdict
from schemas.wire import decode_event
from streams.cli.root import app
from streams.flows.files import parse_flow
from tests.support.markdown import ROOT, Block, blocks, commands, languages

if TYPE_CHECKING:
    from pathlib import Path

CHECKED = {"python", "console", "bash", "yaml", "json", "text", ""}
"""`text` and unnamed blocks are pictures and output."""

SHELL_BLOCKS = [*blocks("console"), *blocks("bash")]
OTHER_PROGRAMS = {".", "docker", "pip", "python"}


def is_offline(arguments: list[str]) -> bool:
    match arguments:
        case ["flow", "graph" | "diff", *sources]:
            return all(source.endswith(".yaml") for source in sources)
        case ["replay", *options]:
            return "--topic" not in options
        case ["script", *_] | ["flow", "validate", *_] | ["config", "show"]:
            return True
        case _:
            return False


def do_nothing(*_arguments: object, **_settings: object) -> None: ...


def test_no_block_is_in_a_language_that_nobody_checks() -> None:
    assert languages() <= CHECKED


def run_python(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Run a block; return the events that it sends, which a recorder takes instead of a broker."""
    for name in ("initialize", "shutdown"):
        monkeypatch.setattr(producer_sdk, name, do_nothing)
    program = folder / "program.py"
    program.write_text(block.text)
    with recorded() as events:
        runpy.run_path(str(program))
    return events


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_blocks_run_and_send_events_that_are_accepted(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = run_python(block, tmp_path, monkeypatch)
    for event in events:
        decode_event(encode_json(event))
        EventModel.model_validate(event)
    assert events or "producer_sdk" not in block.text


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_blocks_are_flow_files(block: Block) -> None:
    parse_flow(block.text, str(block))


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_blocks_are_lines_of_the_wire(block: Block) -> None:
    for line in block.text.splitlines():
        content = json.loads(line)
        model = Verdict if "verdict_id" in content else EventModel
        model.model_validate(content)


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=str)
def test_commands_exist_with_the_options_that_they_are_given(block: Block) -> None:
    for program, *arguments in commands(block):
        if program == "duly":
            parse(arguments)
        elif program == "make":
            assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        else:
            assert program in OTHER_PROGRAMS


def parse(arguments: list[str]) -> None:
    """Parse a call of `duly` without running it; a wrong option raises."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context("duly", arguments)


@pytest.mark.parametrize(
    ("block", "arguments"),
    [
        pytest.param(block, arguments, id=f"{block}-{' '.join(arguments)}")
        for block in SHELL_BLOCKS
        for program, *arguments in commands(block)
        if program == "duly" and is_offline(arguments)
    ],
)
def test_commands_that_need_no_broker_do_what_the_page_says(
    block: Block, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for shown in blocks("yaml"):
        if shown.page == block.page:
            (tmp_path / f"{parse_flow(shown.text, '').flow}.yaml").write_text(shown.text)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout


def test_the_quickstart_leads_where_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = (block for block in blocks("python") if block.page == "docs/quickstart.md")
    events = run_python(block, tmp_path, monkeypatch)
    first = [event | {"ts": event["ts"] + number} for number, event in enumerate(events)]
    second = [
        event | {"ts": event["ts"] + 60 * 10**9, "run_id": "order-2", "event_id": event["node"]}
        for event in first
        if event["node"] != "ship"
    ]
    settled = {"clock": first[-1]["ts"] + 6 * 10**9}
    lines = "\n".join(map(json.dumps, [*first, settled, *second]))
    result = CliRunner().invoke(app, ["replay", "-"], input=lines)
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(v["run_id"], v["status"]) for v in verdicts] == [
        ("order-1", "passed"),
        ("order-2", "failed"),
    ]
    (cause,) = verdicts[1]["causes"]
    shown = re.search(r"ship: no event within 2 s after pay", str(blocks("text")))
    assert shown
    assert cause["message"].startswith(shown[0])
