"""The sandbox process of CEL and JavaScript: what it cannot do, and what its end costs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from streams.errors import EngineUnavailable
from streams.scripts import script_cache
from streams.scripts.language import (
    CRASHED,
    ENDED_LATE,
    KILLED,
    TOO_LARGE,
    CallFault,
    EngineFailed,
    NotCompiled,
    OverLimits,
)
from streams.scripts.languages import javascript
from streams.scripts.limits import Limits
from streams.scripts.process_client import Reply, SandboxProcess
from streams.scripts.process_language import COMPILE_S, ProcessLanguage
from streams.scripts.process_pool import ProcessPool
from streams.scripts.sandbox import create_sandbox
from tests.scripts.conftest import call, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.script_calls import ScriptCall
    from tests.scripts.conftest import Asker

ROOT = Path(__file__).parents[2]

NEVER_ENDS = {
    "js": "new Array(2e8).join('x').length > 0 || [1, 2].sort(() => { while (true) {} })",
    "cel": "['x']" + ".map(a, a + a + a + a + a)" * 14 + " == []",
}
"""Goes on for ever, or until all memory is used, in one step of the engine."""

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and prlimit are of Linux")


def bad_at_zero(engine: str, n: int) -> ScriptCall:
    """Return a call that is good unless `n` is 0."""
    return call(f"data.n > 0 || {NEVER_ENDS[engine]}", {"n": n}, engine=engine)


@pytest.mark.parametrize("engine", NEVER_ENDS)
def test_a_call_that_never_ends_costs_itself_only(fresh_ask: Asker, engine: str) -> None:
    """Its process is killed; what was answered before is known, what comes behind is run again."""
    calls = [bad_at_zero(engine, n) for n in (1, 1, 0, 1)]
    calls += [call("data.n > 0", {"n": n}, engine=engine) for n in (1, 0)]
    assert outcomes(fresh_ask.all(calls)) == ["true", "true", "limit", "true", "true", "false"]


@pytest.mark.parametrize("engine", NEVER_ENDS)
def test_a_killed_process_is_replaced_and_its_calls_are_answered(
    fresh_ask: Asker, engine: str
) -> None:
    before = set(psutil.Process().children())
    assert fresh_ask("true", engine=engine).outcome == "true"
    for process in set(psutil.Process().children()) - before:
        process.kill()
        process.wait()
    calls = [call("data.n > 0", {"n": n}, engine=engine) for n in (1, 0)]
    assert outcomes(fresh_ask.all(calls)) == ["true", "false"]


@pytest.mark.parametrize("engine", NEVER_ENDS)
def test_processes_killed_all_the_time_are_no_fault_of_a_script(
    fresh_ask: Asker, engine: str
) -> None:
    """While none lives long enough to answer, calls wait; then all are answered, and rightly."""

    async def batches() -> list[list[str]]:
        killer = asyncio.create_task(kill_children(40))
        calls = [
            [call(f"data.n > 0 && {n} < 3", {"n": k % 2}, engine=engine) for k in range(50)]
            for n in range(3)
        ]
        answers = [outcomes(await fresh_ask.sandbox.evaluate(batch)) for batch in calls]
        await killer
        return answers

    assert asyncio.run(batches()) == [["false", "true"] * 25] * 3
    assert fresh_ask("data.n > 0 && 9 > 8", {"n": 1}, engine=engine).outcome == "true"


async def kill_children(times: int) -> None:
    """Kill all sandbox processes that there are, again and again."""
    for _ in range(times):
        for process in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):  # the pool has just replaced it
                process.kill()
        await asyncio.sleep(0.05)


def test_scripts_of_all_engines_run_in_one_batch(fresh_ask: Asker) -> None:
    sources = {"python": "data['n'] > 0", "cel": "data.n > 0", "js": "data.n > 0"}
    calls = [call(source, {"n": n}, engine=e) for n in (0, 1) for e, source in sources.items()]
    assert outcomes(fresh_ask.all(calls)) == ["false"] * 3 + ["true"] * 3


def test_evaluations_run_side_by_side(fresh_ask: Asker) -> None:
    async def many() -> list[list[str]]:
        batches = [
            [call(f"data.n > {limit}", {"n": n}, engine="js") for n in range(10)]
            for limit in range(8)
        ]
        answers = await asyncio.gather(*map(fresh_ask.sandbox.evaluate, batches))
        return [outcomes(one) for one in answers]

    assert asyncio.run(many()) == [
        ["true" if n > limit else "false" for n in range(10)] for limit in range(8)
    ]


def test_a_batch_larger_than_the_output_is_answered(fresh_ask: Asker) -> None:
    """Every answer is cut, and a pass ends where the shared memory does."""
    source = "(() => { throw new Error('x'.repeat(1000)) })()"
    answers = fresh_ask.all([call(source, engine="js") for _ in range(600)])
    assert outcomes(answers) == ["error"] * 600
    assert {len(answer.detail) for answer in answers} == {len(answers[0].detail)}


@pytest.mark.parametrize("engine", NEVER_ENDS)
def test_a_pass_without_time_answers_one_call(engine: str) -> None:
    """Else a slow machine would answer none, for ever."""
    processes = ProcessPool(engine, Limits())
    reply = processes.ask("data.n > 0", [b'{"n": 1}', b"{}"] * 3, [True] * 3, 0)
    assert reply.lines == [b"1"]
    assert reply.fault is None
    processes.stop()


CONFINED = """
import os, socket, sys
from streams.scripts.sandbox_process.confinement import drop_privileges

drop_privileges(os.getppid(), 64 << 20)

def attempt(name, action):
    try:
        action()
    except (OSError, MemoryError, ValueError):
        print(name, "refused")
    else:
        print(name, "allowed")

attempt("open", lambda: open("/etc/hostname"))
attempt("write", lambda: open("/tmp/duly-canary", "w"))
attempt("socket", socket.socket)
attempt("fork", os.fork)
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("kill", lambda: os.kill(os.getppid(), 0))
attempt("list", lambda: os.listdir("/"))
attempt("remove", lambda: os.unlink("/tmp/duly-canary"))
attempt("large", lambda: bytearray(200 << 20))
attempt("small", lambda: bytearray(10 << 20))
attempt("limits", lambda: __import__("resource").setrlimit(7, (100, 100)))
"""


@LINUX_ONLY
def test_a_confined_process_can_do_nothing_but_reckon() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFINED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert dict(line.split() for line in done.stdout.splitlines()) == {
        "open": "refused",
        "write": "refused",
        "socket": "refused",
        "fork": "refused",
        "exec": "refused",
        "kill": "refused",
        "list": "refused",
        "remove": "refused",
        "large": "refused",
        "small": "allowed",
        "limits": "refused",
    }


@pytest.fixture
def running() -> Iterator[SandboxProcess]:
    """A process of JavaScript that has answered."""
    process = SandboxProcess("js", Limits())
    assert process.ask("true", [b"{}", b"{}"], [True], 5).lines == [b"1"]
    yield process
    process.end()


@LINUX_ONLY
def test_the_running_process_is_confined(running: SandboxProcess) -> None:
    process = psutil.Process(running.pid)
    threads = list(Path(f"/proc/{process.pid}/task").iterdir())
    assert len(threads) > 1, "the wrapper of QuickJS starts one"
    for thread in threads:
        status = (thread / "status").read_text()
        fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
        assert fields["Seccomp"] == "2"
        assert fields["NoNewPrivs"] == "1"
    assert process.environ() == {}
    targets = sorted(str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir())
    assert targets[:4] == ["/dev/null"] * 3 + ["/memfd:duly-scripts (deleted)"]
    assert targets[4].startswith("socket:")
    assert len(targets) == 5


@pytest.mark.parametrize(
    ("message", "used_s", "failure"),
    [
        (TOO_LARGE, 0.0, NotCompiled),
        (ENDED_LATE, COMPILE_S, NotCompiled),
        (ENDED_LATE, 0.0, EngineFailed),
        (CRASHED, 0.0, OverLimits),
        (KILLED, 0.0, OverLimits),
    ],
)
def test_a_script_is_refused_only_for_what_is_its_own_fault_when_it_is_compiled(
    monkeypatch: pytest.MonkeyPatch, message: str, used_s: float, failure: type[Exception]
) -> None:
    """It is no fault of a script that a machine has no CPU for it."""
    engine = ProcessLanguage("js", Limits(), stops_by_itself=True)

    def ask(_source: str, texts: list[bytes], *_: object) -> Reply:
        fault = CallFault("limit", message)
        return Reply([b"1"]) if texts else Reply([], fault=fault, used_s=used_s)

    monkeypatch.setattr(engine.processes, "ask", ask)
    with pytest.raises(failure, match=r"when it was compiled, it .*, [25] times") as raised:
        engine.compile("bad")
    assert raised.type is failure


@pytest.mark.parametrize("message", [CRASHED, KILLED])
def test_a_script_is_not_refused_where_a_trivial_one_ends_its_process_too(
    monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    engine = ProcessLanguage("js", Limits(), stops_by_itself=True)

    def ask(*_: object) -> Reply:
        return Reply([], fault=CallFault("limit", message))

    monkeypatch.setattr(engine.processes, "ask", ask)
    with pytest.raises(EngineFailed, match="a trivial script"):
        engine.compile("true")


def test_an_engine_that_cannot_start_is_no_answer_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says nothing about the script, so that neither run nor definition may be blamed."""

    async def ask() -> None:
        sandbox = create_sandbox(Limits(), engine_timeout_s=0)
        await sandbox.start()
        with monkeypatch.context() as without_python:
            without_python.setattr(sys, "executable", "/no/such/python")
            with pytest.raises(EngineUnavailable, match=r"js .* cannot start"):
                await sandbox.evaluate([call("true", engine="js")])
            with pytest.raises(EngineUnavailable, match=r"js .* cannot start"):
                await sandbox.check("js", "true", "validator")
        assert outcomes(await sandbox.evaluate([call("true", engine="js")])) == ["true"]
        await sandbox.stop()

    asyncio.run(ask())


def test_a_process_that_does_not_get_ready_is_an_engine_that_fails() -> None:
    processes = ProcessPool("no such language", Limits())
    with pytest.raises(EngineFailed, match="does not get ready"):
        processes.ask("true", [], [], 1)
    processes.stop()


def test_a_missing_engine_is_named_with_what_to_install(
    fresh_ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_limits: Limits) -> ProcessLanguage:
        raise ModuleNotFoundError("there is no package quickjs-ng")

    monkeypatch.setattr(javascript, "JavaScriptLanguage", missing)
    refusal = fresh_ask.refusal("true", "js") or ""
    assert "'js' is not installed here (there is no package quickjs-ng)" in refusal
    assert "pip install 'duly[js]'" in refusal


@pytest.mark.parametrize(
    ("installed", "message"),
    [({"quickjs-ng", "quickjs"}, "overwrites"), (set[str](), "no package")],
)
def test_the_older_package_of_the_same_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], message: str
) -> None:
    monkeypatch.setattr(javascript, "_is_installed", installed.__contains__)
    with pytest.raises(ModuleNotFoundError, match=message):
        javascript.JavaScriptLanguage(Limits())


def test_compiled_scripts_are_kept_in_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    compilations: list[str] = []

    class Counting:
        def __init__(self, _limits: Limits) -> None: ...

        def compile(self, source: str) -> Any:
            compilations.append(source)
            return source

        def stop(self) -> None: ...

    monkeypatch.setattr(script_cache, "MAX_CACHED", 2)

    def start(_name: str, limits: Limits) -> Counting:
        return Counting(limits)

    monkeypatch.setattr(script_cache, "_start", start)
    scripts = script_cache.ScriptCache(Limits())
    for source in ("a", "b", "a", "c", "a", "b"):
        scripts.get("python", source)
    assert compilations == ["a", "b", "c", "b"]
