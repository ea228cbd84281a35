"""`duly topics`: the topics of Duly on a broker."""

from __future__ import annotations

import asyncio

import typer

from streams.cli.screen import say

app = typer.Typer(name="topics", help="The topics of Duly on a broker.", no_args_is_help=True)


@app.command("apply")
def apply() -> None:
    """Create the topics that are missing, and check all.

    An existing topic is never changed: one with another number of partitions, or without
    LogAppendTime, is refused (exit 4). Prints the names of the topics created.

        DULY_BROKER=kafka:9092 DULY_PARTITIONS=8 duly topics apply
    """
    from streams.cli.kafka import command_settings
    from streams.kafka.topics import ensure_topics

    settings = command_settings()
    created = asyncio.run(ensure_topics(settings))
    for name in created:
        typer.echo(name)
    say(f"{len(created)} topics created on {settings.broker}, the rest was there and is right")


@app.callback()
def topics() -> None:
    """The topics of Duly on a broker."""
