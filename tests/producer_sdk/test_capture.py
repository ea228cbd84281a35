"""Functions of the caller as source: what is taken means the same, the rest is refused."""

from __future__ import annotations

import linecache
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from producer_sdk import CaptureError, act, stats
from producer_sdk._capture import CapturedScripts
from producer_sdk._capture._script_source import MAX_SOURCE_CHARS, source_of
from tests.producer_sdk.rules import REFUSED, TAKEN, over
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from producer_sdk import Script
    from tests.producer_sdk.conftest import Recording


def run(source: str, data: dict[str, Any]) -> bool:
    """Run a script where there is nothing but what it brings."""
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    [function] = [value for name, value in namespace.items() if name != "__builtins__"]
    return bool(function(data, {}))


@pytest.mark.parametrize("name", TAKEN)
def test_a_script_means_what_its_function_means(name: str) -> None:
    rule, true, false = TAKEN[name]
    source = source_of(rule, "validate")
    assert (rule(true, {}), rule(false, {})) == (True, False)
    assert (run(source, true), run(source, false)) == (True, False)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_sent_so_that_it_means_the_same_is_refused(name: str) -> None:
    rule, reason = REFUSED[name]
    with pytest.raises(CaptureError) as error:
        source_of(rule, "validate")
    assert reason in str(error.value)


def test_comments_docstrings_and_annotations_are_left_out() -> None:
    assert source_of(TAKEN["docstring, comments, annotations"].rule, "validate") == (
        "def documented(data, ctx):\n"
        "    total = 0\n"
        "    pass\n"
        "    for item in data['items']:\n"
        "        total += item\n"
        "    name = 'total'\n"
        "    return {name: total}['total'] == 3"
    )


def test_what_a_rule_reads_from_outside_stands_in_its_body() -> None:
    assert source_of(over(3, {"plus": [1]}), "validate") == (
        "def rule(data, ctx):\n"
        "    box = {'plus': [1]}\n"
        "    limit = 3\n"
        "    return data['x'] > limit + box['plus'][0]"
    )


def test_sets_are_written_in_one_order_in_every_process() -> None:
    program = (
        "from producer_sdk._capture._script_source import source_of\n"
        "from tests.producer_sdk.rules import TAKEN\n"
        "print(source_of(TAKEN['global set'].rule, 'validate'))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(3)
    }
    assert len(texts) == 1


def test_a_file_that_was_changed_since_it_was_imported_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "changed_rules.py"
    file.write_text("rule = lambda data, ctx: data['x'] > 1\n")
    namespace: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    file.write_text("rule = lambda data, ctx: data['x'] > 2\n")
    linecache.clearcache()
    with pytest.raises(CaptureError, match="the file was changed after it was imported"):
        source_of(namespace["rule"], "validate")


def test_a_rule_moved_to_another_line_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "moved_rules.py"
    file.write_text("rule = lambda data, ctx: data['x'] > 1\n")
    namespace: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    file.write_text("\nrule = lambda data, ctx: data['x'] > 1\n")
    linecache.clearcache()
    with pytest.raises(CaptureError, match="is not the source of what runs"):
        source_of(namespace["rule"], "validate")


def test_a_rule_typed_in_a_notebook_is_taken() -> None:
    text = "rule = lambda data, ctx: data['x'] > 1\n"
    linecache.cache["<cell-1>"] = (len(text), None, [text], "<cell-1>")
    namespace: dict[str, Any] = {}
    exec(compile(text, "<cell-1>", "exec"), namespace)
    assert source_of(namespace["rule"], "validate").endswith("return data['x'] > 1")


def test_a_long_script_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "long_rules.py"
    file.write_text(f"rule = lambda data, ctx: data['x'] == {'a' * MAX_SOURCE_CHARS!r}\n")
    namespace: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    with pytest.raises(CaptureError, match="more than 16384 characters"):
        source_of(namespace["rule"], "validate")


# --- on the wire


@pytest.mark.parametrize(("field", "name"), [("validator", "validate"), ("filter", "keep")])
def test_a_rule_that_is_not_sent_fails_its_node_instead_of_passing(
    lenient_events: Recording, caplog: pytest.LogCaptureFixture, field: str, name: str
) -> None:
    fields: dict[str, Any] = {field: len}
    act("a", "f", "r", **fields)
    script = lenient_events[0][field]
    reason = "it is of type builtin_function_or_method; pass a def or a lambda of (data, ctx)"
    assert script == {
        "engine": "python",
        "script": f"def {name}(data, ctx):\n    raise RuntimeError('{field} not judged: {reason}')",
    }
    with pytest.raises(RuntimeError, match="not judged"):
        run(script["script"], {})
    assert stats().scripts_not_sent == 1
    assert f"the {field} was not sent: {reason}" in caplog.text
    assert f"its node will fail with {field}_error" in caplog.text


# --- what is remembered


def captured(scripts: CapturedScripts, function: Any) -> str:
    fragment = scripts.captured(function, "validator").json
    return str(orjson.loads(orjson.dumps(fragment))["script"])


def test_a_function_of_the_same_code_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = CapturedScripts()
    rules: list[Script] = [lambda data, ctx: data["x"] for _ in range(2)]
    first = captured(scripts, rules[0])
    monkeypatch.setattr(linecache, "getlines", lambda *_: pytest.fail("looked for again"))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert captured(scripts, rules[1]) == first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ("a", b"a"),
        ([1], (1,)),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        (None, 0),
    ],
)
def test_other_values_in_the_closure_are_another_script(one: Any, other: Any) -> None:
    def make(value: Any) -> Script:
        return lambda data, ctx: data["x"] == value

    scripts = CapturedScripts()
    assert captured(scripts, make(one)) != captured(scripts, make(other))
    assert captured(scripts, make(one)) == captured(CapturedScripts(), make(one))


def test_a_closure_that_was_changed_in_place_is_another_script() -> None:
    allowed = [1]
    rule: Script = lambda data, ctx: data["x"] in allowed  # noqa: E731
    scripts = CapturedScripts()
    before = captured(scripts, rule)
    allowed.append(2)
    assert "allowed = [1]" in before
    assert "allowed = [1, 2]" in captured(scripts, rule)


def test_a_huge_closure_costs_no_time_and_is_refused() -> None:
    values = list(range(2_000_000))
    rule: Script = lambda data, ctx: data["x"] in values  # noqa: E731
    assert "holds more than 500 values" in captured(CapturedScripts(), rule)


def test_helpers_in_the_closure_are_told_apart_by_what_they_hold() -> None:
    def make(limit: int) -> Script:
        def over_limit(value: int) -> bool:
            return value > limit

        return lambda data, ctx: over_limit(data["x"])

    scripts = CapturedScripts()
    assert captured(scripts, make(1)) != captured(scripts, make(2))
    assert captured(scripts, make(1)) == captured(scripts, make(1))


def test_many_values_at_one_place_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    scripts = CapturedScripts()
    for limit in range(40):
        captured(scripts, over(limit, {"plus": [0]}))
    [message] = caplog.messages
    assert "has been called with 16 different values in its closure" in message
    assert "put such values into data" in message


def test_a_place_with_ever_new_values_does_not_grow_for_ever() -> None:
    scripts = CapturedScripts()
    for limit in range(500):
        captured(scripts, over(limit, {"plus": [0]}))
    [variants] = scripts._known.values()
    assert len(variants._scripts) <= 64


def test_code_that_is_gone_is_not_taken_for_other_code_at_its_address() -> None:
    scripts = CapturedScripts()
    for number in range(200):
        text = f"rule = lambda data, ctx: data['x'] == {number}\n"
        name = f"<made-{number}>"
        linecache.cache[name] = (len(text), None, [text], name)
        namespace: dict[str, Any] = {}
        exec(compile(text, name, "exec"), namespace)
        assert captured(scripts, namespace["rule"]).endswith(f"== {number}")


def test_threads_that_capture_at_once_get_the_same_script() -> None:
    scripts = CapturedScripts()
    together = threading.Barrier(8)
    texts: list[str] = []

    def capture() -> None:
        together.wait()
        texts.append(captured(scripts, TAKEN["helper"].rule))

    threads = [threading.Thread(target=capture) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 8
    assert len(set(texts)) == 1


def test_threads_that_capture_different_functions_at_once_get_each_its_own() -> None:
    together = threading.Barrier(8)
    failed: list[str] = []

    def capture() -> None:
        together.wait()
        for taken in TAKEN.values():
            script = CapturedScripts().captured(taken.rule, "validator")
            if script.problem is not None:
                failed.append(script.problem)

    threads = [threading.Thread(target=capture) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
