"""A session: a worker that runs, flow files that are applied when they change, verdicts as they come."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from streams.cli.dev.files import FlowWatch, Tail
from streams.cli.terminal import complain, data, say, talk, verdict_line
from streams.cli.verdict_reader import Wanted, follow_verdicts
from streams.errors import WorkerEnded
from streams.flows.files import InvalidFlowFile, check_scripts, load_flow_file
from streams.flows.publishing import publish
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from streams.dev_broker.process import ServerProcess
    from streams.flows.files import FlowFile
    from streams.scripts.sandbox import Sandbox
    from streams.settings.worker import WorkerSettings

LOOK_INTERVAL_S = 0.3
"""How often files are looked at."""


async def run_session(
    worker: ServerProcess, paths: Sequence[Path], settings: WorkerSettings
) -> None:
    """Go on until the worker ends, or for ever.

    Raises:
        WorkerEnded: with its last words.
        BrokerUnavailable: the broker is gone.
    """
    async with _sandbox(settings) as sandbox:
        tasks = [
            asyncio.create_task(_show_worker(worker)),
            asyncio.create_task(_apply_flows(FlowWatch(paths), sandbox, settings)),
            asyncio.create_task(_show_verdicts(settings)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _sandbox(settings: WorkerSettings) -> AsyncGenerator[Sandbox]:
    limits = Limits(call_ms=settings.script_timeout_ms, memory_mb=settings.script_memory_mb)
    sandbox = create_sandbox(limits)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


async def _show_worker(worker: ServerProcess) -> None:
    tail = Tail(worker.log)
    while worker.running:
        for line in tail.new_lines():
            talk().print(Text("worker   ", style="dim") + Text.from_ansi(line))
        await asyncio.sleep(LOOK_INTERVAL_S)
    raise WorkerEnded(f"the worker ended:\n{worker.log_tail()}")


async def _show_verdicts(settings: WorkerSettings) -> None:
    async with aclosing(follow_verdicts(settings, Wanted())) as verdicts:
        async for batch in verdicts:
            for incoming in batch:
                data().print(verdict_line(incoming.verdict))


async def _apply_flows(watch: FlowWatch, sandbox: Sandbox, settings: WorkerSettings) -> None:
    """Apply flow files now and whenever they change; one that is wrong is told, and waited for."""
    while True:
        for path in watch.changed():
            try:
                file = await _load(path, sandbox)
            except InvalidFlowFile as error:
                complain(str(error))
                continue
            (published,) = await publish([file], settings)
            state = "is in force" if published.is_new else "was in force already"
            say(f"flow     {published.flow}@{published.version} {state}, as {path} says")
        await asyncio.sleep(LOOK_INTERVAL_S)


async def _load(path: Path, sandbox: Sandbox) -> FlowFile:
    """Read a flow file and compile its scripts.

    Raises:
        InvalidFlowFile: it cannot be used.
    """
    file = load_flow_file(path)
    if problems := await check_scripts(file, sandbox):
        raise InvalidFlowFile(problems)
    return file
