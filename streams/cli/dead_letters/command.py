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
from schemas.units import NS_PER_MS
from streams.cli.exit_codes import ExitCode
from streams.cli.instants import INSTANT, parse_instant_option
from streams.cli.output import print_json, print_lines
from streams.cli.terminal import data, say, stdout_is_terminal
from streams.engine.text import count_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from streams.kafka.dead_letter_reader import (
        DeadLetterFilter,
        DeadLetterId,
        NewestDeadLetters,
        StoredDeadLetter,
    )
    from streams.kafka.topic_reader import TopicReader
    from streams.settings.kafka import KafkaSettings

app = typer.Typer(
    name="dead-letters",
    help="Events that could not be judged, and why: list, show, retry.",
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
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
    as_json: JsonLines = False,
) -> None:
    """List dead letters, the oldest first: a table on a terminal, one JSON object a line elsewhere.

    The id of a dead letter is its partition and offset in the dead-letter topic. The number of each
    reason is printed to stderr.

        duly dead-letters list --reason invalid_event --since 2026-01-31T12:00:00Z

        duly dead-letters list --json | jq -r '[.source_topic, .error] | @tsv' | sort | uniq -c
    """
    from streams.cli.dead_letters.presentation import dead_letter_object, dead_letter_table
    from streams.cli.kafka import command_settings

    newest = asyncio.run(_newest(command_settings(), _filter(reason, run, since), limit))
    listed = newest.in_order()
    if as_json or not stdout_is_terminal():
        for found in listed:
            _print_json_line(dead_letter_object(found))
    elif listed:
        data().print(dead_letter_table(listed))
    total = newest.reasons.total()
    counts = ", ".join(f"{count} {name}" for name, count in newest.reasons.most_common())
    more = f"; shown: the newest {limit}" if total > limit else ""
    say(f"{count_of(total, 'dead letter')}{': ' if counts else ''}{counts}{more}")


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it: 3:17.")],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write only the original value, as bytes.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of text.")
    ] = False,
) -> None:
    """Show one dead letter: the reason, where it came from, its key, headers and value.

    A value that is not text is shown in hexadecimal; control characters are escaped.

        duly dead-letters show 3:17

        duly dead-letters show 3:17 --raw > event.json
    """
    from schemas.topics import DEAD_LETTERS
    from streams.cli.dead_letters.presentation import dead_letter_lines, dead_letter_object
    from streams.cli.kafka import command_settings
    from streams.kafka.topics import full_name

    settings = command_settings()
    (found,) = asyncio.run(_by_id(settings, _ids([id_])))
    if raw:
        sys.stdout.buffer.write(found.value or b"")
    elif as_json:
        print_json(dead_letter_object(found))
    else:
        print_lines(dead_letter_lines(found, full_name(DEAD_LETTERS, settings)))


@app.command()
def retry(
    ids: Ids = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All that match the filters.")] = False,
    reason: Reasons = None,
    run: Run = None,
    since: Since = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; produce nothing.")
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Produce the originals of dead letters again, to the events topic: value, key and headers.

    Use it once the cause is removed: a worker that knows the version is deployed, a run that was
    full is forgotten, a record was on the wrong partition. An event that a worker would certainly
    refuse again is not produced, and the command exits with 2. The dead letter stays in its topic;
    an event that comes twice counts once.

    Prints a line for each dead letter.

        duly dead-letters retry 3:17 3:18

        duly dead-letters retry --all --reason unknown_version --dry-run
    """
    from streams.cli.kafka import command_settings

    filters = any((reason, run is not None, since is not None))
    if bool(ids) == all_ or (ids and filters):
        raise typer.BadParameter("give either ids, or --all with or without filters")
    settings = command_settings()
    wanted_ids = _ids(ids or ())
    as_json = as_json or not stdout_is_terminal()
    wanted = _filter(reason, run, since)
    outcomes = asyncio.run(_retry(settings, wanted_ids, wanted, dry_run=dry_run, as_json=as_json))
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    say(f"dead letters: {counts or 'none'}")
    if outcomes["refused"]:
        raise typer.Exit(ExitCode.USAGE)


async def _newest(
    settings: KafkaSettings, wanted: DeadLetterFilter, limit: int
) -> NewestDeadLetters:
    from streams.kafka.dead_letter_reader import NewestDeadLetters, read_dead_letters
    from streams.kafka.topic_reader import open_reader

    newest = NewestDeadLetters(limit)
    async with open_reader(settings) as reader:
        async for found in read_dead_letters(reader, settings, wanted):
            newest.add(found)
    return newest


async def _by_id(settings: KafkaSettings, ids: Sequence[DeadLetterId]) -> list[StoredDeadLetter]:
    from streams.kafka.dead_letter_reader import dead_letters_by_id
    from streams.kafka.topic_reader import open_reader

    async with open_reader(settings) as reader:
        return await dead_letters_by_id(reader, settings, ids)


async def _retry(
    settings: KafkaSettings,
    ids: Sequence[DeadLetterId],
    wanted: DeadLetterFilter,
    *,
    dry_run: bool,
    as_json: bool,
) -> Counter[str]:
    """Retry the dead letters of some ids, or those that match; return the number of each outcome."""
    from streams.cli.dead_letters.presentation import retry_line, retry_object
    from streams.kafka.dead_letter_reader import read_dead_letters
    from streams.kafka.dead_letter_retry import retry_dead_letters
    from streams.kafka.topic_reader import open_reader

    outcomes: Counter[str] = Counter()
    async with open_reader(settings) as reader:
        dead_letters = (
            _all_by_id(reader, settings, ids)
            if ids
            else read_dead_letters(reader, settings, wanted)
        )
        retries = retry_dead_letters(dead_letters, settings, dry_run=dry_run)
        async with aclosing(retries):
            async for done in retries:
                outcomes[done.outcome] += 1
                if as_json:
                    _print_json_line(retry_object(done))
                else:
                    typer.echo(retry_line(done))
    return outcomes


async def _all_by_id(
    reader: TopicReader, settings: KafkaSettings, ids: Sequence[DeadLetterId]
) -> AsyncIterator[StoredDeadLetter]:
    from streams.kafka.dead_letter_reader import dead_letters_by_id

    # All are found before the first is produced: a wrong id does nothing.
    for found in await dead_letters_by_id(reader, settings, ids):
        yield found


def _filter(
    reasons: list[Reason] | None, run_id: str | None, since_ns: int | None
) -> DeadLetterFilter:
    from streams.kafka.dead_letter_reader import DeadLetterFilter

    since_ms = None if since_ns is None else since_ns // NS_PER_MS
    return DeadLetterFilter(frozenset(reasons or ()), run_id, since_ms)


def _ids(texts: Sequence[str]) -> list[DeadLetterId]:
    from streams.kafka.dead_letter_reader import DeadLetterId

    try:
        return [DeadLetterId.parse(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter(f"{error}, as `list` shows it") from error


def _print_json_line(document: dict[str, Any]) -> None:
    import orjson

    typer.echo(orjson.dumps(document))
