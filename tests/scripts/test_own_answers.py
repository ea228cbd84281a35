"""An answer is that of its own request, wherever the process before it ended or stood still.

Each test asks for `n` = 0 first and for `n` = 1 then: an answer of the request before would be wrong.
"""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from streams.scripts import process_start
from streams.scripts.language import CRASHED, ENDED_LATE, KILLED
from streams.scripts.languages.python import PythonLanguage
from streams.scripts.limits import Limits
from streams.scripts.process_client import SandboxProcess
from streams.scripts.python_source.program import marked_lines
from streams.scripts.sandbox import create_sandbox
from streams.scripts.sandbox_process.protocol import COUNTER, LINES_AT, NUMBER, line_mark
from tests.scripts.conftest import call, outcomes
from tests.scripts.dying_child import POINTS, boot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.engine.script_calls import ScriptAnswer, ScriptCall
    from streams.scripts.process_client import Reply
    from streams.scripts.sandbox import Sandbox
    from tests.scripts.conftest import Asker

SOURCES = {"python": "data['n'] == 1", "cel": "data.n == 1", "js": "data.n == 1"}
PROCESSES = ("cel", "js")
ENDINGS = ("SIGSTOP", "SIGKILL", "SIGSEGV")
BEFORE = [1, 40]
"""Calls of the request before: its answers may be more than the next one has calls."""


def texts(*ns: int) -> list[bytes]:
    return [text for n in ns for text in (b'{"n": %d}' % n, b"{}")]


def asked(process: SandboxProcess, *ns: int, seconds: float = 0.05) -> Reply:
    return process.ask(SOURCES["js"], texts(*ns), [False] * len(ns), seconds)


@pytest.fixture(params=PROCESSES)
def process(request: pytest.FixtureRequest) -> Iterator[SandboxProcess]:
    """A process that has answered 40 calls with false."""
    process = SandboxProcess(request.param, Limits())
    assert asked(process, *[0] * 40, seconds=5).lines == [b"0"] * 40
    yield process
    process.end()


@pytest.mark.parametrize("signal_name", ENDINGS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("engine", PROCESSES)
def test_a_process_that_ends_in_a_request_leaves_no_answer_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch, engine: str, point: str, signal_name: str
) -> None:
    monkeypatch.setattr(process_start, "BOOT", boot(point, signal_name))
    process = SandboxProcess(engine, Limits())
    assert asked(process, *[0] * 40, seconds=5).lines == [b"0"] * 40
    reply = asked(process, 1, 1)
    process.end()
    answered = {"read": 0, "begun": 0, "first answer": 1, "last answer": 2}[point]
    assert reply.lines == [b"1"] * answered
    assert reply.is_begun == (point != "read")
    assert reply.fault is not None
    endings = {"SIGSTOP": ENDED_LATE, "SIGKILL": KILLED, "SIGSEGV": CRASHED}
    assert reply.fault.message == endings[signal_name]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("signal_name", ENDINGS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("engine", PROCESSES)
def test_every_answer_is_right_where_a_process_ends_in_the_second_batch(
    engine: str, point: str, signal_name: str, before: int
) -> None:
    """It is compiled, tried and, where there are more, run before; none of the end is the script's fault."""

    async def ask() -> list[list[str]]:
        sandbox = create_sandbox(Limits())
        await sandbox.start()
        found: list[list[str]] = []
        with pytest.MonkeyPatch.context() as at_first:
            at_first.setattr(process_start, "BOOT", boot(point, signal_name, 3 + (before > 1)))
            found.append(await judged(sandbox, engine, *[0] * before))
        found += [await judged(sandbox, engine, *ns) for ns in ([1], [0, 1])]
        await sandbox.stop()
        return found

    assert asyncio.run(ask()) == [["false"] * before, ["true"], ["false", "true"]]


async def judged(sandbox: Sandbox, engine: str, *ns: int) -> list[str]:
    """Return the outcomes of a batch of one script."""
    calls = [call(SOURCES[engine], {"n": n}, engine=engine) for n in ns]
    return outcomes(await sandbox.evaluate(calls))


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_process_that_never_reads_a_request_answers_none(
    process: SandboxProcess, number: signal.Signals
) -> None:
    """It stood still, or had gone, when it was asked."""
    os.kill(process.pid, number)
    reply = asked(process, 1)
    assert reply.lines == []
    assert not reply.is_begun
    assert reply.is_unread == (number == signal.SIGKILL)
    assert process.is_lost


def test_a_process_that_stands_still_and_goes_on_answers_what_it_was_asked(
    process: SandboxProcess,
) -> None:
    os.kill(process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        reply = thread.submit(asked, process, 1, seconds=10)
        os.kill(process.pid, signal.SIGCONT)
        assert reply.result().lines == [b"1"]


def test_a_reply_to_another_request_is_none(process: SandboxProcess) -> None:
    """Such a one would be a late reply that was waited for no more."""
    process._number += 5
    assert process._answers.has_begun(1)
    assert process._lines(40) == []


def test_a_count_that_was_torn_as_its_process_ended_reaches_no_old_answer(
    process: SandboxProcess,
) -> None:
    """The count covers forty old lines, as if its bytes had been written in part."""
    memory = process._answers._memory
    first = line_mark(2, 0) + b"1\n"
    NUMBER.pack_into(memory, 0, 2)
    memory[LINES_AT : LINES_AT + len(first)] = first
    COUNTER.pack_into(memory, NUMBER.size, 0xFF)
    process._number = 2
    assert process._lines(40) == [b"1"]


def test_no_more_lines_than_calls_are_taken(process: SandboxProcess) -> None:
    assert process._lines(3) == [b"0"] * 3


@pytest.mark.parametrize("engine", SOURCES)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_idle_process_that_is_lost_costs_no_answer(
    ask_with_short_replies: Asker, engine: str, number: signal.Signals
) -> None:
    def ask(*ns: int) -> list[str]:
        return asyncio.run(judged(ask_with_short_replies.sandbox, engine, *ns))

    assert ask(*[0] * 40) == ["false"] * 40
    for child in psutil.Process().children():
        if child.status() != psutil.STATUS_ZOMBIE:  # lost in a test before, and not looked at since
            wait_until_ready(child)
            child.send_signal(number)
    assert ask(1) == ["true"]
    assert ask(0) == ["false"]


def wait_until_ready(process: psutil.Process) -> None:
    """Wait until a process of ours is confined, which is the last that it does before it serves."""
    status = Path(f"/proc/{process.pid}/status")
    while "-I" in process.cmdline() and "Seccomp:\t2" not in status.read_text():
        pass


@pytest.mark.parametrize("engine", PROCESSES)
def test_a_process_that_is_lost_as_it_starts_costs_no_answer(engine: str) -> None:
    """It dies before it is ready; another is started."""
    killed: list[int] = []

    def kill_two() -> None:
        while len(killed) < 2:
            for child in psutil.Process().children():
                if child.pid not in killed:
                    killed.append(child.pid)
                    child.kill()

    async def ask() -> list[str]:
        sandbox = create_sandbox(Limits())
        await sandbox.start()
        killer = asyncio.create_task(asyncio.to_thread(kill_two))
        found = await judged(sandbox, engine, 0, 1)
        await killer
        await sandbox.stop()
        return found

    assert asyncio.run(ask()) == ["false", "true"]


def test_python_processes_that_are_killed_at_work_leave_no_answer_of_others(
    fresh_ask: Asker,
) -> None:
    """Each of the first five that are seen at work is killed there."""
    slow = "len([0 for _ in range(60_000)]) == 60_000 and data['n'] == 1"
    calls: list[ScriptCall] = [call(slow, {"n": n % 3 % 2}) for n in range(200)]
    used_s: dict[int, float] = {}
    killed: set[int] = set()

    def kill_one_at_work() -> None:
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                now_s = child.cpu_times().user
                if now_s > used_s.setdefault(child.pid, now_s):
                    killed.add(child.pid)
                    child.kill()

    async def ask() -> list[ScriptAnswer]:
        answers = asyncio.create_task(fresh_ask.sandbox.evaluate(calls))
        while len(killed) < 5 and not answers.done():
            kill_one_at_work()
            await asyncio.sleep(0)
        return await answers

    assert outcomes(asyncio.run(ask())) == [("false", "true", "false")[n % 3] for n in range(200)]
    assert killed


@pytest.fixture(scope="module")
def python() -> Iterator[PythonLanguage]:
    engine = PythonLanguage(Limits())
    yield engine
    engine.stop()


@pytest.mark.parametrize(
    ("program", "lines"),
    [
        ("print(1)", []),
        ("print(1)\nprint(_duly_request, 0, 0)", ["0"]),
        ("print(_duly_request, 0, 0)\nprint(1)\nprint(_duly_request, 1, 1)", ["0", "1"]),
        ("print(_duly_request, 1, 1)", []),
        ("print(_duly_request, 0, 0)\nprint('x', end='')\nprint(_duly_request, 1, 1)", ["0"]),
        ("for n in range(9):\n    print(_duly_request, n, n)", ["0", "1"]),
    ],
)
def test_what_a_python_script_might_print_is_no_answer(
    python: PythonLanguage, program: str, lines: list[str]
) -> None:
    """It cannot print; if it could, its lines would lack the mark, and be too many."""
    assert python.feed(program, texts(0, 1), 1).lines == lines


def test_lines_of_another_request_are_no_answers() -> None:
    assert marked_lines("old 0 1\nnew 0 0\n", "new", 1) == ["0"]
    assert marked_lines("new 0 1\nnew 1 1", "new", 2) == ["1"]
