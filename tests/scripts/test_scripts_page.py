"""docs/scripts.md says what is so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from streams.scripts.language import MAX_SOURCE_CHARS
from streams.scripts.limits import Limits
from streams.scripts.python_source.rules import MODULES
from streams.scripts.script_cache import LANGUAGES
from tests.support.markdown import ROOT, blocks, section

if TYPE_CHECKING:
    from tests.scripts.conftest import Asker

PAGE = ROOT / "docs" / "scripts.md"
TEXT = PAGE.read_text()


def test_every_engine_is_there_with_what_to_install() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| `duly\[(\w+)\]` \|$", TEXT, re.MULTILINE))
    assert rows == {name: engine.extra for name, engine in LANGUAGES.items()}


def test_the_modules_are_those_that_may_be_imported() -> None:
    listed = section(PAGE, "## Python").partition("They may import")[2].partition("inside their")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == MODULES


def test_the_limits_are_the_defaults() -> None:
    limits = Limits()
    assert f"A call has {limits.call_ms} ms and {limits.memory_mb} MiB" in TEXT
    assert limits.strikes == 2, "`twice within a minute`"
    assert limits.suspension_ms == 60_000, "`for a minute it is not run`"
    assert f"at most {MAX_SOURCE_CHARS:,} characters" in TEXT


def test_the_scripts_of_the_flow_compile_and_work(fresh_ask: Asker) -> None:
    (block,) = (one for one in blocks("yaml") if one.page == "docs/scripts.md")
    nodes = {node["id"]: node for node in yaml.safe_load(block.text)["nodes"]}
    for node in nodes.values():
        for script in (node.get("filter"), node.get("validator")):
            assert script is None or fresh_ask.refusal(script["script"], script["engine"]) is None
    pay = nodes["pay"]["validator"]["script"]
    cart = {"data": {"items": [{"price": 19.95, "qty": 2}]}}
    assert fresh_ask(pay, {"amount": 39.9}, cart).outcome == "true"
    assert fresh_ask(pay, {"amount": 40}, cart).outcome == "false"


def test_the_rows_on_python_are_so(ask: Asker) -> None:
    refused = [
        "pairs = zip(data, data)",
        "del data['x']",
        "hash(data)",
        "eval('1')",
        "hasattr(data, 'x')",
    ]
    for statement in refused:
        assert ask.refusal(f"def check(data, ctx):\n    {statement}\n    return True"), statement
    for same in [
        "round(2.675, 2) == 2.67",
        "max(['b', 'A'], key=str.lower) == 'b'",
        "print(5) is None",
    ]:
        assert ask(same).outcome == "true", same
