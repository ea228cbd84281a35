"""The sandbox of the worker, for commands: scripts are compiled and run under the same limits."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.flows.files import InvalidFlowFile, check_scripts
from streams.log import configure_logging
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall
    from streams.flows.files import FlowFile
    from streams.scripts.sandbox import Sandbox


PROGRAM_MS = 10_000
BATCH_MS = 60_000
"""A command has time: nobody waits behind scripts that waste it."""


class Scripts:
    """A sandbox that is called without an event loop of one's own."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self._runner = runner
        self._sandbox = sandbox

    def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """Run scripts; the answers are in the order of the calls."""
        return self._runner.run(self._sandbox.evaluate(calls))

    def refusal(self, engine: str, source: str, kind: str) -> str | None:
        """Return why a script does not compile, with its line; None if it does."""
        return self._runner.run(self._sandbox.check(engine, source, kind))

    def check(self, files: Sequence[FlowFile]) -> None:
        """Compile every script of the flows.

        Raises:
            InvalidFlowFile: with every script that does not compile.
        """
        problems = [
            problem
            for file in files
            for problem in self._runner.run(check_scripts(file, self._sandbox))
        ]
        if problems:
            raise InvalidFlowFile(problems)


@contextmanager
def running_scripts() -> Generator[Scripts]:
    """Run a sandbox for the time of a command."""
    settings = load_worker_settings()
    # A command says itself what came of a script.
    configure_logging(settings.model_copy(update={"log_level": "error"}))
    sandbox = create_sandbox(
        Limits(
            call_ms=settings.script_timeout_ms,
            memory_mb=settings.script_memory_mb,
            program_ms=PROGRAM_MS,
            batch_ms=BATCH_MS,
        )
    )
    with asyncio.Runner() as runner:
        runner.run(sandbox.start())
        try:
            yield Scripts(runner, sandbox)
        finally:
            runner.run(sandbox.stop())
