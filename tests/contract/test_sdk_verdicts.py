"""A function in a service, its script in the sandbox and the verdict on its event mean the same."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from producer_sdk import act
from producer_sdk._capture._script_source import source_of
from producer_sdk.testing import recorded
from streams.cli.root import app
from streams.engine.script_calls import ScriptCall
from streams.scripts.limits import Limits
from streams.scripts.sandbox import ScriptSandbox
from tests.producer_sdk.rules import REFUSED, TAKEN
from tests.scripts.corpus import CORPUS, EVENTS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from producer_sdk import Script


@pytest.fixture
async def sandbox() -> AsyncGenerator[ScriptSandbox]:
    sandbox = ScriptSandbox(Limits(call_ms=1_000, program_ms=5_000, batch_ms=60_000))
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


def function_of(name: str, source: str) -> Script:
    """Return a script of the corpus as a function of a service, whose source can be looked up."""
    text = source if source.startswith("def ") else f"check = lambda data, ctx: ({source})\n"
    file = f"<corpus {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {}
    exec(compile(text, file, "exec"), namespace)
    return next(value for key, value in namespace.items() if key != "__builtins__")


def outcome_of(function: Any, data: Any, ctx: Any) -> str:
    """Return what CPython makes of a call, on values of its own."""
    try:
        answer = function(*orjson.loads(orjson.dumps([data, ctx])))
    except Exception:  # noqa: BLE001 -- whatever it raises
        return "error"
    if answer is None:
        return "none"
    return str(answer).lower() if isinstance(answer, bool) else "other"


async def test_the_corpus_as_functions_of_a_service(sandbox: ScriptSandbox) -> None:
    functions = {name: function_of(name, source) for name, source in CORPUS.items()}
    sent = {name: source_of(function, "validate") for name, function in functions.items()}
    cases = [(name, data, ctx) for name in functions for data, ctx in EVENTS]
    answers = await sandbox.evaluate(
        [
            ScriptCall("python", sent[name], "validator", orjson.dumps(data), orjson.dumps(ctx))
            for name, data, ctx in cases
        ]
    )
    wrong = {
        (name, EVENTS.index((data, ctx))): answer
        for (name, data, ctx), answer in zip(cases, answers, strict=True)
        if answer.outcome != outcome_of(functions[name], data, ctx)
    }
    assert wrong == {}


def replayed(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the last verdict on each flow of what a service sent."""
    lines = b"\n".join(map(orjson.dumps, events))
    result = CliRunner().invoke(app, ["replay", "-"], input=lines)
    assert result.exit_code == 0, result.stderr
    verdicts = map(orjson.loads, result.stdout.splitlines())
    return {verdict["flow"]: verdict for verdict in verdicts}


def test_rules_that_are_sent_judge_their_events() -> None:
    with recorded() as events:
        for number, (rule, true, false) in enumerate(TAKEN.values()):
            act("a", f"right-{number}", "r", true, validator=rule)
            act("a", f"wrong-{number}", "r", false, validator=rule)
    verdicts = replayed(events)
    for number, name in enumerate(TAKEN):
        assert verdicts[f"right-{number}"]["status"] == "passed", name
        (cause,) = verdicts[f"wrong-{number}"]["causes"]
        assert cause["kind"] == "validator", name


def test_rules_that_cannot_be_sent_fail_their_events_with_not_judged() -> None:
    with recorded(strict=False) as events:
        for number, (rule, _) in enumerate(REFUSED.values()):
            act("a", f"f-{number}", "r", {"x": 1}, validator=rule)
    verdicts = replayed(events)
    for number, (name, (_, reason)) in enumerate(REFUSED.items()):
        verdict = verdicts[f"f-{number}"]
        (cause,) = verdict["causes"]
        assert (verdict["status"], cause["kind"]) == ("failed", "validator_error"), name
        assert "validator not judged: " in cause["message"], name
        assert reason in cause["message"], name
