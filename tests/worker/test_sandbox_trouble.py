"""A worker whose sandbox cannot work judges nothing wrongly: it waits, says why, and ends after a bound."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import pytest

from tests.support.workers import Shop, shop, worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.support.shared_kafka import SharedKafka
    from tests.support.workers import FollowedWorker

pytestmark = [
    pytest.mark.xdist_group("sandbox-trouble"),
    pytest.mark.skipif(sys.platform != "linux", reason="prlimit is of Linux"),
]

SCRIPTS = {"python": "data['n'] == 1", "cel": "data.n == 1", "js": "data.n == 1"}
PATIENCE_S = 60


@pytest.fixture
def port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Runs:
    """Runs of one event each, whose validators are right for an odd number."""

    def __init__(self, flow: Shop) -> None:
        self._flow = flow
        self._sent: dict[str, int] = {}

    async def send(self, name: str) -> None:
        """Send two runs of each engine, one that is right and one that is wrong."""
        for engine, script in SCRIPTS.items():
            for n in (0, 1):
                run_id = f"{name}-{engine}-{n}"
                self._sent[run_id] = n
                validator = {"engine": engine, "script": script}
                await self._flow.pay(
                    run_id, flow=f"of-{engine}", validator=validator, data={"n": n}
                )

    async def check(self) -> None:
        """Hold every run to be judged by its event alone."""
        for run_id, n in self._sent.items():
            verdict = await self._flow.verdict(run_id)
            kinds = [(cause["kind"], verdict["script_limit"]) for cause in verdict["causes"]]
            assert verdict["status"] == ("passed" if n else "failed"), verdict
            assert kinds == ([] if n else [("validator", False)]), verdict
        assert len(self._flow.heard["flow-verdicts.v1"]) == len(self._sent)


class Page:
    """`/readyz` over one connection: one that cannot open files cannot accept another."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._address = f"http://127.0.0.1:{port}/readyz"

    async def get(self) -> tuple[int, str]:
        async with self._session.get(self._address) as response:
            return response.status, await response.text()

    async def until(self, wanted: Callable[[int, str], bool]) -> str:
        """Return the first answer that is wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                status, text = await self.get()
                if wanted(status, text):
                    return text


@asynccontextmanager
async def page(port: int) -> AsyncGenerator[Page]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        yield Page(session, port)


@asynccontextmanager
async def sandbox_killer(judge: FollowedWorker) -> AsyncGenerator[None]:
    """Kill every process of the sandbox as soon as it is there."""

    async def kill() -> None:
        while True:
            with suppress(psutil.NoSuchProcess):
                for child in psutil.Process(judge.process.pid).children():
                    child.kill()
            await asyncio.sleep(0.02)

    killing = asyncio.create_task(kill())
    try:
        yield
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)


def open_no_more_files(judge: FollowedWorker) -> tuple[int, int]:
    """Forbid a worker to open files, and end its sandbox processes; return its limits before."""
    process = psutil.Process(judge.process.pid)
    _, hard = before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, hard))
    for child in process.children():
        child.kill()
    return before


async def test_sandbox_processes_that_are_killed_all_the_time_make_no_wrong_verdict(
    kafka: SharedKafka, topic_prefix: str, port: int
) -> None:
    async with worker(kafka.bootstrap, topic_prefix, web_port=port) as judge:
        await judge.ready()
        async with shop(kafka.bootstrap, topic_prefix) as flow, page(port) as ready:
            runs = Runs(flow)
            await runs.send("before")
            await runs.check()
            async with sandbox_killer(judge):
                await runs.send("meanwhile")
                said = await ready.until(lambda status, _text: status == 503)
                line = await judge.logged("script engine does not work")
                assert line["level"] == "warning"
                assert f"the script engine {line['engine']} has not worked for" in said
                assert line["reason"]
            await ready.until(lambda status, _text: status == 200)
            await runs.check()
            await runs.send("after")
            await runs.check()
        assert not [line for line in judge.lines if line["event"] == "script suspended"]


async def test_a_worker_without_descriptors_waits_and_goes_on_when_it_has_some(
    kafka: SharedKafka, topic_prefix: str, port: int
) -> None:
    async with worker(kafka.bootstrap, topic_prefix, web_port=port) as judge:
        await judge.ready()
        async with shop(kafka.bootstrap, topic_prefix) as flow, page(port) as ready:
            runs = Runs(flow)
            await runs.send("before")
            await runs.check()
            assert (await ready.get())[0] == 200
            before = open_no_more_files(judge)
            await runs.send("meanwhile")
            said = await ready.until(lambda status, _text: status == 503)
            assert "Too many open files" in said
            resource.prlimit(judge.process.pid, resource.RLIMIT_NOFILE, before)
            await runs.check()
            await ready.until(lambda status, _text: status == 200)


async def test_a_worker_whose_sandbox_does_not_work_ends_with_70_and_judges_nothing(
    kafka: SharedKafka, topic_prefix: str
) -> None:
    """The next one, on a machine where it works, judges all of it."""
    about: dict[str, Any] = {
        "instance_id": "w1",
        "script_engine_timeout_ms": 1_000,
        "session_timeout_ms": 6_000,
    }
    async with worker(kafka.bootstrap, topic_prefix, **about) as judge:
        await judge.ready()
        async with shop(kafka.bootstrap, topic_prefix) as flow:
            runs = Runs(flow)
            await runs.send("before")
            await runs.check()
            open_no_more_files(judge)
            await runs.send("meanwhile")
            assert await judge.ended() == 70
            last = judge.lines[-1]
            assert (last["event"], last["level"]) == ("worker ended", "critical")
            assert "has not worked for" in last["reason"]
            assert "See that this machine has file descriptors" in last["reason"]
            async with worker(kafka.bootstrap, topic_prefix, **about) as second:
                await second.ready()
                await runs.check()
