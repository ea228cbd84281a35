"""`duly verdicts`: follow the verdict topic."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from contextlib import aclosing, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple, Protocol, Self

import typer
from rich.live import Live

from streams.cli.exit_codes import ExitCode
from streams.cli.terminal import complain, data, say, stdout_is_terminal, verdict_table

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from streams.kafka.verdict_reader import ReadVerdict, Verdict

FRAME_ROWS = 6
"""Rows of the terminal that the table's frame and the prompt take."""


class Status(StrEnum):
    """Status of a verdict."""

    passed = "passed"
    failed = "failed"
    incomplete = "incomplete"


def verdicts(
    *,
    flow: Annotated[
        list[str] | None, typer.Option(help="Only of this flow; may be given several times.")
    ] = None,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only this status; may be given several times.")
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN_ID", help="Only of this run.")] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Read the whole topic, not from now on.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after this many verdicts.")] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="End after this long; exit 3 if no verdict came by then, or fewer than --count.",
        ),
    ] = None,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit 1 as soon as a verdict is `failed`.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on a terminal too, not only elsewhere.")
    ] = False,
) -> None:
    """Follow the verdicts: a table on a terminal, one JSON object a line elsewhere.

    Each verdict is shown once: copies, which a crash of a worker may leave, are dropped.

        duly verdicts --flow shop --status failed

        duly verdicts --run order-17 --from-beginning --count 1 --timeout 30 --fail
    """
    from streams.cli.kafka import command_settings
    from streams.kafka.verdict_reader import VerdictFilter, follow_verdicts

    settings = command_settings()
    wanted = VerdictFilter(frozenset(flow or ()), frozenset(status or ()), run)
    batches = follow_verdicts(
        settings, wanted, from_beginning=from_beginning, on_unreadable=complain
    )
    screen = _Lines() if as_json or not stdout_is_terminal() else _LiveTable()
    goal = _Goal(count, timeout, fail)
    exit_code = asyncio.run(_follow(batches, screen, goal))
    if exit_code == ExitCode.NO_VERDICT:
        complain(f"no {'further ' if count else ''}verdict came within {timeout:g} s")
    raise typer.Exit(exit_code)


class _Goal(NamedTuple):
    """When following ends."""

    verdicts: int | None
    timeout_s: float | None
    fail: bool


async def _follow(
    batches: AsyncGenerator[list[ReadVerdict]], screen: _Screen, goal: _Goal
) -> ExitCode:
    seen = 0
    with suppress(TimeoutError):
        async with aclosing(batches), asyncio.timeout(goal.timeout_s):
            await anext(batches)
            say("following the verdicts")
            with screen:
                async for read in _flattened(batches):
                    screen.show(read)
                    seen += 1
                    if goal.fail and read.verdict["status"] == Status.failed:
                        return ExitCode.VERDICT_FAILED
                    if seen == goal.verdicts:
                        return ExitCode.OK
    return ExitCode.OK if seen >= (goal.verdicts or 1) else ExitCode.NO_VERDICT


async def _flattened(batches: AsyncGenerator[list[ReadVerdict]]) -> AsyncGenerator[ReadVerdict]:
    async for batch in batches:
        for read in batch:
            yield read


class _Screen(Protocol):
    """Output for verdicts."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def show(self, read: ReadVerdict) -> None: ...


class _Lines:
    """One verdict a line, its JSON as read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def show(self, read: ReadVerdict) -> None:
        sys.stdout.buffer.write(read.value + b"\n")
        sys.stdout.buffer.flush()


class _LiveTable:
    """The newest verdicts that fit on the screen."""

    def __init__(self) -> None:
        console = data()
        self._newest: deque[Verdict] = deque(maxlen=max(console.height - FRAME_ROWS, 1))
        self._live = Live(console=console, get_renderable=lambda: verdict_table(self._newest))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, read: ReadVerdict) -> None:
        self._newest.append(read.verdict)
