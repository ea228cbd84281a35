from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.topics import DEFINITIONS
from tests.support.topic_records import Sent, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Duly

PAY = """\
flow: pay
window_ms: 60000
closed: true
max_events_per_run: 50
nodes:
  - {id: ask, type: trigger}
  - {id: cart, dep_ids: [ask]}
  - {id: card, dep_ids: [cart], branch: 'a "way"', exclusive: true, conditions: [{timeout_ms: 1500}]}
  - {id: cash, dep_ids: [cart], branch: 'a "way"', exclusive: true}
  - {id: slip, dep_ids: [card], required: false, validator: {engine: python, script: 'True'}}
  - {id: done, dep_ids: [card, cash], dep_mode: any, filter: {engine: python, script: 'True'}}
  - {id: cancel, ends_run: true}
"""

PICTURE = """\
{}  window 1 min  closed  max events per run 50

●      ask     trigger
●      cart
├─╮
● │    card    within 1.5 s, exclusive branch 'a "way"'
├─┼─╮
● │ │  slip    validator (python), optional
  ● │  cash    exclusive branch 'a "way"'
  ├─╯
  ●    done    after any of them, filter (python)
│
●      cancel  ends the run
"""


@pytest.fixture
def pay_file(tmp_path: Path) -> Path:
    path = tmp_path / "pay.yaml"
    path.write_text(PAY)
    return path


def learned(flow: str, **node: Any) -> Sent:
    """Return the record that an event's lesson leaves in the definitions topic."""
    value = {"v": 1, "kind": "learned", "flow": flow, "node": node, "options": {}}
    return Sent(DEFINITIONS, 0, f"{flow}/{node['id']}".encode(), orjson.dumps(value))


def test_a_file_is_drawn_without_a_broker(duly: Duly, pay_file: Path) -> None:
    result = duly("flow", "graph", pay_file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == PICTURE.replace("│\n●      cancel", "\n●      cancel").format(pay_file)


def test_a_screen_without_box_characters_gets_ascii(pay_file: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "streams.cli", "flow", "graph", pay_file],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    ).stdout.decode("ascii")
    assert "\n+-+-+\n* | |  slip " in shown


def test_a_mermaid_flowchart_escapes_what_mermaid_would_read(duly: Duly, pay_file: Path) -> None:
    lines = duly("flow", "graph", pay_file, "--mermaid").stdout.splitlines()
    assert lines[0] == "flowchart TD"
    assert '    n0(["ask<br/>trigger"])' in lines
    assert '    n3["cash<br/>exclusive branch #39;a #34;way#34;#39;"]' in lines
    assert "    n1 --> n2" in lines
    assert "    n3 -.-> n5" in lines
    assert sum("-->" in line for line in lines) == 4


@pytest.mark.usefixtures("topics")
def test_a_flow_of_the_broker_is_drawn_with_what_events_taught(duly: Duly, flow_file: Path) -> None:
    version = duly("flow", "apply", flow_file).stdout.strip()
    write([learned("f", id="b", description="x"), learned("f", id="c", dep_ids=["b", "lost"])])
    lines = duly("flow", "graph", "f").stdout.splitlines()
    assert lines[0].startswith("f@")
    assert lines[0] != f"{version}  window 10 s"
    assert lines[2:] == [
        "●  a",
        "●  b  within 1 s, validator (python)",
        "●  c  learned from events, depends on 'lost', which nobody has defined or sent",
    ]
    for name in (version, version.removeprefix("f@")):
        assert duly("flow", "graph", name).stdout.splitlines() == [
            f"{version}  window 10 s",
            "",
            "●  a",
            "●  b  within 1 s, validator (python)",
        ]


@pytest.mark.usefixtures("topics")
def test_a_lesson_that_is_wrong_is_shown_where_it_is(duly: Duly) -> None:
    write([learned("g", id="a", dep_ids=["b"]), learned("g", id="b", dep_ids=["a"])])
    shown = duly("flow", "graph", "g").stdout
    assert "a  learned from events, wrong: its dependencies form a cycle: " in shown


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("g", "no flow 'g' is known, and no file of that name; known: f\n"),
        ("f@0", "flow 'f' has no version '0'; known: "),
        ("0123456789abcdef", "no flow has the version '0123456789abcdef'"),
        ("gone.yaml", "gone.yaml:1: cannot be read: "),
    ],
)
def test_what_is_not_there_is_exit_2(duly: Duly, flow_file: Path, name: str, reason: str) -> None:
    duly("flow", "apply", flow_file)
    result = duly("flow", "graph", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {reason}")


def test_a_wrong_file_is_refused_with_its_line(duly: Duly, flow_file: Path) -> None:
    flow_file.write_text("flow: f\nnodes: [{id: a, dep_ids: [a]}]\n")
    result = duly("flow", "graph", flow_file)
    assert result.exit_code == 2
    assert f"{flow_file}:2: node a: dep_ids" in result.stderr
