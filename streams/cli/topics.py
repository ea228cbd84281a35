"""`duly topics`: create and check the topics of Duly on a broker."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.output import AsJson, columns, print_json, print_lines
from streams.cli.terminal import say
from streams.engine.text import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.kafka.topic_plan import Action, PlannedTopic

app = typer.Typer(name="topics", help="The topics of Duly on a broker.", no_args_is_help=True)

_SIGNS: dict[Action, str] = {"create": "+", "keep": "=", "refuse": "✗"}


@app.command("apply")
def apply() -> None:
    """Create missing topics, and check all.

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
    say(f"{len(created)} topics created on {settings.broker}, the others exist and are right")


@app.command()
def plan(as_json: AsJson = False) -> None:
    """Show what `apply` would create, what differs, and what it would refuse; change nothing.

    An existing topic that differs stays as it is: `apply` never changes a topic. Exit 4 if `apply`,
    and with it every worker, would refuse a topic.

        DULY_BROKER=kafka:9092 DULY_PARTITIONS=8 duly topics plan
    """
    from streams.cli.kafka import command_settings
    from streams.kafka.topic_plan import plan_topics

    settings = command_settings()
    planned = asyncio.run(plan_topics(settings))
    if as_json:
        print_json([topic.as_object() for topic in planned])
    else:
        for topic in planned:
            print_lines(_lines(topic))
    actions = Counter(topic.action for topic in planned)
    differing = sum(topic.differs for topic in planned)
    say(
        f"on {settings.broker}: {count_of(actions['create'], 'topic')} to create, "
        f"{differing} differing, {actions['refuse']} refused"
    )
    if actions["refuse"]:
        raise typer.Exit(ExitCode.INFRASTRUCTURE)


@app.callback()
def topics() -> None:
    """The topics of Duly on a broker."""


def _lines(topic: PlannedTopic) -> Iterator[str]:
    sign = "~" if topic.differs else _SIGNS[topic.action]
    yield f"{sign} {topic.topic}: {_sentence(topic)}"
    if topic.action == "create":
        rows = [*topic.settings.items()]
    else:
        rows = [(d.setting, f"is {d.found}", f"a new one: {d.wanted}") for d in topic.differences]
    yield from (f"    {line}" for line in columns(rows))


def _sentence(topic: PlannedTopic) -> str:
    if topic.action == "create":
        return "would be created"
    if topic.reason:
        return topic.reason.removeprefix(f"{topic.topic}: ")
    return "differs, and would not be changed" if topic.differences else "is right"
