"""The commands of `duly dead-letters`."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from schemas.errors import DeadLetterReason
from streams.cli.exit_codes import ExitCode
from streams.cli.instants import INSTANT, parse_instant_option
from streams.cli.output import count_of, print_json, print_lines
from streams.cli.terminal import data, say, stdout_is_terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from streams.audit.logs import Logs
    from streams.cli.dead_letters.dead_letters import Letter, Newest, Place, Wanted
    from streams.settings.kafka import KafkaSettings

app = typer.Typer(
    name="dead-letters",
    help="What could not be judged, and why: list, show, try again.",
    no_args_is_help=True,
)

Reason = StrEnum("Reason", list(get_args(DeadLetterReason)))

Reasons = Annotated[
    list[Reason] | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        help=f"Only this reason; may be given several times. One of {', '.join(Reason)}.",
    ),
]
Run = Annotated[str | None, typer.Option(metavar="RUN_ID", help="Only with this key.")]
Since = Annotated[
    Any,
    typer.Option(
        parser=parse_instant_option,
        metavar=INSTANT,
        help="Only written then or later (ns since 1970, or ISO 8601).",
    ),
]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids, as `list` shows them: 3:17.")
]
JsonLines = Annotated[
    bool, typer.Option("--json", help="Print JSON on a terminal too, not only elsewhere.")
]


@app.command("list")
def list_(
    *,
    reason: Reasons = None,
    run: Run = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest ones.")] = 100,
    as_json: JsonLines = False,
) -> None:
    """List dead letters, the oldest first: a table on a terminal, one JSON a line elsewhere.

    The id of a letter is its partition and offset in the dead-letter topic. How many there are of
    each reason is told on stderr.

        duly dead-letters list --reason invalid_event --since 2026-01-31T12:00:00Z

        duly dead-letters list --json | jq -r '[.source_topic, .error] | @tsv' | sort | uniq -c
    """
    from streams.cli.dead_letters.presentation import letter_object, letter_table
    from streams.cli.kafka import command_settings

    newest = asyncio.run(_newest(command_settings(), _wanted(reason, run, since), limit))
    letters = newest.in_order()
    if as_json or not stdout_is_terminal():
        for letter in letters:
            _print_json_line(letter_object(letter))
    elif letters:
        data().print(letter_table(letters))
    total = newest.reasons.total()
    counts = ", ".join(f"{count} {name}" for name, count in newest.reasons.most_common())
    more = f"; shown: the newest {limit}" if total > limit else ""
    say(f"{count_of(total, 'dead letter')}{': ' if counts else ''}{counts}{more}")


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it: 3:17.")],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the original value alone, byte by byte.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of text.")
    ] = False,
) -> None:
    """Show one dead letter whole: the reason, where it came from, its key, headers and value.

    A value that is no text is shown in hexadecimal; control characters are escaped.

        duly dead-letters show 3:17

        duly dead-letters show 3:17 --raw > event.json
    """
    from schemas.topics import DEAD_LETTERS
    from streams.cli.dead_letters.presentation import letter_lines, letter_object
    from streams.cli.kafka import command_settings
    from streams.kafka.topics import full_name

    settings = command_settings()
    (letter,) = asyncio.run(_at(settings, _places([letter_id])))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
    elif as_json:
        print_json(letter_object(letter))
    else:
        print_lines(letter_lines(letter, full_name(DEAD_LETTERS, settings)))


@app.command()
def retry(
    ids: Ids = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All that the filters let through.")] = False,
    reason: Reasons = None,
    run: Run = None,
    since: Since = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Produce the originals of dead letters again, to the events topic: value, key and headers.

    For when the cause is mended: a worker that knows the version is deployed, a run that was full
    is forgotten, a record was on the wrong partition. What a worker would certainly refuse again
    is not produced, and the command ends with exit 2. A letter stays where it is; an event that
    comes twice counts once.

    Prints what was done, a line for each letter.

        duly dead-letters retry 3:17 3:18

        duly dead-letters retry --all --reason unknown_version --dry-run
    """
    from streams.cli.kafka import command_settings

    filters = any((reason, run is not None, since is not None))
    if bool(ids) == all_ or (ids and filters):
        raise typer.BadParameter("give either ids, or --all with or without filters")
    settings = command_settings()
    places = _places(ids or ())
    as_json = as_json or not stdout_is_terminal()
    wanted = _wanted(reason, run, since)
    outcomes = asyncio.run(_retry(settings, places, wanted, dry_run=dry_run, as_json=as_json))
    said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    say(f"dead letters: {said or 'none'}")
    if outcomes["refused"]:
        raise typer.Exit(ExitCode.USAGE)


async def _newest(settings: KafkaSettings, wanted: Wanted, limit: int) -> Newest:
    from streams.audit.logs import open_logs
    from streams.cli.dead_letters.dead_letters import Newest, wanted_letters

    newest = Newest(limit)
    async with open_logs(settings) as logs:
        async for letter in wanted_letters(logs, wanted):
            newest.add(letter)
    return newest


async def _at(settings: KafkaSettings, places: Sequence[Place]) -> list[Letter]:
    from streams.audit.logs import open_logs
    from streams.cli.dead_letters.dead_letters import letters_at

    async with open_logs(settings) as logs:
        return await letters_at(logs, places)


async def _retry(
    settings: KafkaSettings,
    places: Sequence[Place],
    wanted: Wanted,
    *,
    dry_run: bool,
    as_json: bool,
) -> Counter[str]:
    """Retry the letters at `places`, or those that are wanted; return how many had which outcome."""
    from streams.audit.logs import open_logs
    from streams.cli.dead_letters.dead_letters import wanted_letters
    from streams.cli.dead_letters.presentation import retried_line, retried_object
    from streams.cli.dead_letters.retry import retry as retry_letters

    outcomes: Counter[str] = Counter()
    async with open_logs(settings) as logs:
        letters = _those(logs, places) if places else wanted_letters(logs, wanted)
        async with aclosing(retry_letters(letters, settings, dry_run=dry_run)) as all_retried:
            async for retried in all_retried:
                told = retried_object(retried)
                outcomes[told["outcome"]] += 1
                if as_json:
                    _print_json_line(told)
                else:
                    typer.echo(retried_line(retried))
    return outcomes


async def _those(logs: Logs, places: Sequence[Place]) -> AsyncIterator[Letter]:
    from streams.cli.dead_letters.dead_letters import letters_at

    # All are found before the first is produced: a wrong id does nothing.
    for letter in await letters_at(logs, places):
        yield letter


def _wanted(reasons: list[Reason] | None, run_id: str | None, since_ns: int | None) -> Wanted:
    from streams.cli.dead_letters.dead_letters import Wanted

    since_ms = None if since_ns is None else since_ns // 1_000_000
    return Wanted(frozenset(reasons or ()), run_id, since_ms)


def _places(ids: Sequence[str]) -> list[Place]:
    from streams.cli.dead_letters.dead_letters import Place

    try:
        return [Place.parse(text) for text in ids]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _print_json_line(document: dict[str, Any]) -> None:
    import orjson

    typer.echo(orjson.dumps(document))
