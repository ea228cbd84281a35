"""`duly topics`: the topics of Duly on a broker."""

from __future__ import annotations

import asyncio
from collections import Counter

import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.output import AsJson, count_of, print_json, print_lines
from streams.cli.terminal import say

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


@app.command()
def plan(as_json: AsJson = False) -> None:
    """Say what `apply` would create, what differs, and what it would refuse; change nothing.

    What differs on a topic that is there stays as it is: `apply` never changes a topic. Exit 4 if
    `apply`, and with it every worker, would refuse a topic.

        DULY_BROKER=kafka:9092 DULY_PARTITIONS=8 duly topics plan
    """
    from streams.cli.kafka import command_settings
    from streams.cli.topic_plan import plan_topics

    settings = command_settings()
    planned = asyncio.run(plan_topics(settings))
    if as_json:
        print_json([topic.as_object() for topic in planned])
    else:
        for topic in planned:
            print_lines(topic.as_lines())
    actions = Counter(topic.action for topic in planned)
    differing = sum(topic.action == "keep" and bool(topic.differences) for topic in planned)
    say(
        f"on {settings.broker}: {count_of(actions['create'], 'topic')} to create, "
        f"{differing} differing, {actions['refuse']} refused"
    )
    if actions["refuse"]:
        raise typer.Exit(ExitCode.INFRASTRUCTURE)


@app.callback()
def topics() -> None:
    """The topics of Duly on a broker."""
