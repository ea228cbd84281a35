from __future__ import annotations

import asyncio

import pytest

from streams.engine.script_calls import ScriptCall
from streams.scripts.limits import Limits
from streams.scripts.sync import SyncSandbox

PATIENT = Limits(call_ms=1_000, program_ms=5_000, batch_ms=60_000)


def call(source: str) -> ScriptCall:
    return ScriptCall("python", source, "validator", b'{"n": 1}', b'{"deps": []}')


def test_answers_come_in_the_order_of_the_calls() -> None:
    with SyncSandbox(PATIENT) as sandbox:
        answers = sandbox.evaluate([call('data["n"] == 1'), call('data["n"] == 2')])
    assert [answer.outcome for answer in answers] == ["true", "false"]


def test_a_script_is_checked() -> None:
    with SyncSandbox(PATIENT) as sandbox:
        assert sandbox.check("python", "True", "validator") is None
        assert "never closed" in (sandbox.check("python", "data[", "validator") or "")


async def test_it_works_inside_a_running_loop() -> None:
    with SyncSandbox(PATIENT) as sandbox:
        (answer,) = sandbox.evaluate([call("True")])
    assert answer.outcome == "true"


def test_an_error_of_the_work_is_raised_and_the_sandbox_goes_on() -> None:
    async def fail(_sandbox: object) -> None:
        await asyncio.sleep(0)
        raise LookupError("no")

    with SyncSandbox(PATIENT) as sandbox:
        with pytest.raises(LookupError):
            sandbox.run(fail)
        assert sandbox.check("python", "True", "validator") is None
