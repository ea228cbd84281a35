"""A session of `duly dev`: prints the worker's log and verdicts, applies flow files when they change."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from streams.cli.terminal import complain, data, say, talk, verdict_line
from streams.dev_broker.tail import Tail
from streams.errors import InvalidFlowFile, WorkerEnded
from streams.flows.checks import check_files
from streams.flows.files import load_flow_file
from streams.flows.publishing import publish
from streams.flows.watching import FlowWatch
from streams.kafka.verdict_reader import follow_verdicts
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from streams.dev_broker.process import ServerProcess
    from streams.scripts.sandbox import Sandbox
    from streams.settings.worker import WorkerSettings

LOOK_INTERVAL_S = 0.3
"""Interval between two looks at the files."""


async def run_session(
    worker: ServerProcess, paths: Sequence[Path], settings: WorkerSettings
) -> None:
    """Run until the worker ends, or without end.

    Raises:
        WorkerEnded: the worker has ended.
        BrokerUnavailable: the broker has ended.
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
    async with aclosing(follow_verdicts(settings, on_unreadable=complain)) as verdicts:
        async for batch in verdicts:
            for incoming in batch:
                data().print(verdict_line(incoming.verdict))


async def _apply_flows(watch: FlowWatch, sandbox: Sandbox, settings: WorkerSettings) -> None:
    """Apply flow files now and whenever they change; print what is wrong in them."""
    while True:
        for path in watch.changed():
            try:
                file = load_flow_file(path)
                await check_files([file], sandbox)
            except InvalidFlowFile as error:
                complain(str(error))
                continue
            (published,) = await publish([file.definition], settings)
            state = "is in force" if published.is_new else "was in force already"
            say(f"flow     {published.flow}@{published.version} {state}, as {path} says")
        await asyncio.sleep(LOOK_INTERVAL_S)
