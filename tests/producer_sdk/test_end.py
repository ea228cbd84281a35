"""End of a process: `with`, `async with`, SIGTERM; and whom the SDK tells of what is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from producer_sdk import Problem, act, initialize, shutdown, stats
from producer_sdk._client import client
from producer_sdk._guard import guard
from producer_sdk._queue import EventQueue
from tests.producer_sdk.contract_server import API_KEY, ContractServer
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def server() -> Generator[ContractServer]:
    with ContractServer() as server:
        yield server
        shutdown(0)


def test_the_end_of_with_delivers_and_shuts_down(server: ContractServer) -> None:
    with initialize(url=server.url, api_key=API_KEY):
        act("a", "checkout", "order-1")
    assert server.nodes() == ["a"]
    assert not client.sink.live


def test_the_end_of_with_delivers_what_came_before_an_error(server: ContractServer) -> None:
    def host() -> None:
        with initialize(url=server.url, api_key=API_KEY):
            act("a", "checkout", "order-1")
            raise KeyError

    with pytest.raises(KeyError):
        host()
    assert server.nodes() == ["a"]


def test_the_end_of_async_with_delivers_while_the_loop_runs_on(
    server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer = threading.Event()
    answer = server.answer

    def answer_later(*request: Any) -> tuple[int, bytes]:
        assert may_answer.wait(10)
        return answer(*request)

    async def host() -> None:
        async with initialize(url=server.url, api_key=API_KEY):
            act("a", "checkout", "order-1")
            asyncio.get_running_loop().call_later(0.05, may_answer.set)

    monkeypatch.setattr(server, "answer", answer_later)
    asyncio.run(host())
    assert server.nodes() == ["a"]


# --- SIGTERM

HOST = """
import signal, sys, threading
from producer_sdk import act, initialize
{before}
initialize(batch_interval=60)
{after}
for number in range(50):
    act(f"step-{{number}}", "checkout", "order-1")
print("ready", flush=True)
{then}
"""
WAIT = "threading.Event().wait(60)"


def end_by_sigterm(server: ContractServer, then: str = WAIT, **parts: str) -> int:
    """Run a host until it is ready, send SIGTERM and return its exit status."""
    program = HOST.format(**{"before": "", "after": "", "then": then, **parts})
    environment = {**os.environ, "DULY_URL": server.url, "DULY_API_KEY": API_KEY}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    ) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n"
        host.send_signal(signal.SIGTERM)
        return host.wait(30)


def test_sigterm_delivers_and_ends_the_host_by_that_signal(server: ContractServer) -> None:
    assert end_by_sigterm(server) == -signal.SIGTERM
    assert server.nodes() == [f"step-{number}" for number in range(50)]


def test_sigterm_delivers_in_the_midst_of_calls(server: ContractServer) -> None:
    # At a pace that the queue can hold: in a tight loop the oldest would be dropped, as they should.
    calls = 'while True: act("more", "checkout", "order-1"); __import__("time").sleep(0.001)'
    assert end_by_sigterm(server, calls) == -signal.SIGTERM
    assert server.nodes()[:50] == [f"step-{number}" for number in range(50)]


def test_a_handler_of_the_host_is_left_alone(server: ContractServer) -> None:
    handler = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    assert end_by_sigterm(server, before=handler) == 7
    assert len(server.nodes()) == 50  # the exit of the interpreter flushes
    assert end_by_sigterm(server, after=handler) == 7


def test_no_handler_is_set_outside_of_the_main_thread(server: ContractServer) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        thread = threading.Thread(target=lambda: initialize(url=server.url, api_key=API_KEY))
        thread.start()
        thread.join()
        assert client.sink.live
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


# --- on_error


@pytest.fixture
def problems() -> Generator[list[Problem]]:
    yield []
    guard.on_error.function = None


def test_on_error_is_told_of_each_loss_though_the_log_says_it_once(
    server: ContractServer, lenient: None, problems: list[Problem], caplog: pytest.LogCaptureFixture
) -> None:
    initialize(url=server.url, api_key=API_KEY, on_error=problems.append)
    for _ in range(3):
        act("not a name", "checkout", "order-1")
    assert [(problem.kind, problem.count) for problem in problems] == [("refused_invalid", 1)] * 3
    assert "id must have 1 to 128 of the characters" in problems[0].message
    assert len(caplog.messages) == 1


def test_on_error_is_told_what_the_server_refuses_and_that_it_is_away(
    server: ContractServer, lenient: None, problems: list[Problem]
) -> None:
    server.answers.append((500, b""))
    initialize(url=server.url, api_key=API_KEY, on_error=problems.append)
    act("a", "checkout", "order-1", {"poison": True})
    assert shutdown(10)
    assert [problem.kind for problem in problems] == ["not_delivered", "dropped_refused"]


def test_on_error_is_told_how_many_were_dropped(problems: list[Problem]) -> None:
    guard.on_error.function = problems.append
    queue = EventQueue(2, 1 << 20, guard.counters)
    for _ in range(3):
        queue.put((b"key", b"value"))
    assert [(problem.kind, problem.count) for problem in problems] == [("dropped_queue_full", 1)]


def test_on_error_is_told_that_nothing_is_sent(lenient: None, problems: list[Problem]) -> None:
    initialize(on_error=problems.append)
    assert "nothing is sent: no broker is set" in problems[0].message


def test_an_on_error_that_raises_or_causes_problems_itself_harms_nobody(
    server: ContractServer, lenient: None, problems: list[Problem], caplog: pytest.LogCaptureFixture
) -> None:
    def on_error(problem: Problem) -> Any:
        problems.append(problem)
        act("not a name", "checkout", "order-1")
        raise KeyError

    initialize(url=server.url, api_key=API_KEY, on_error=on_error)
    act("not a name", "checkout", "order-1")
    act("not a name", "checkout", "order-1")
    assert len(problems) == 2
    assert stats().refused_invalid == 4
    assert caplog.messages.count("on_error raised KeyError (logged once)") == 1
