"""The demo as a command: what happens in which order, and how it ends."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack, aclosing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.terminal import data, say, verdict_line
from streams.errors import DemoFailed

if TYPE_CHECKING:
    from streams.cli.demo.expectations import Expectations
    from streams.cli.terminal import Verdict
    from streams.dev_broker.process import ServerProcess
    from streams.settings.kafka import KafkaSettings

SHOW_LIMIT_S = 40.0
"""How long the shop and its verdicts may take; they need about ten seconds."""


class Kind(StrEnum):
    """The kinds of broker that a demo can use."""

    external = "external"
    docker = "docker"
    apache = "apache"
    embedded = "embedded"


def demo(
    broker: Annotated[
        Kind | None, typer.Option(help="The kind of broker; by default the best one at hand.")
    ] = None,
) -> None:
    """Show Duly at work, in half a minute, with nothing to set up.

    Starts the broker that is at hand (DULY_BROKER, Apache Kafka in a container or on Java, else
    an embedded one), a worker, and a sample shop some of whose orders break on purpose. Shows
    each verdict as it is read, then what was expected beside what was seen: exit 0 if that is
    the same, else 4. Nothing stays behind, after Ctrl-C neither.

        duly demo
    """
    from streams.cli.demo import setup, signals
    from streams.dev_broker import start_broker

    with (
        signals.ended_by_signals(),
        tempfile.TemporaryDirectory(prefix="duly-demo-") as folder,
        ExitStack() as ending,
        signals.undisturbed_end(),
    ):
        say("broker   starts; the first time it may have to be fetched")
        server = start_broker(broker.value if broker else None)
        ending.callback(server.close)
        say(f"broker   {server.kind} on {server.bootstrap}  {server.notice}".rstrip())
        settings = setup.demo_settings(server, Path(folder))
        if server.kind == Kind.external:
            ending.callback(lambda: asyncio.run(setup.remove_topics(settings)))
        expectations = signals.run_until_signalled(_perform(ending, Path(folder), settings))
        data().print()
        data().print(expectations.table())
        data().print(expectations.sentence())
    if not expectations.met:
        raise DemoFailed("the demo did not show what it promises")


async def _perform(ending: ExitStack, folder: Path, settings: KafkaSettings) -> Expectations:
    """Run the whole show; what was started is ended by `ending`."""
    from streams.cli.demo import setup
    from streams.cli.demo.expectations import Expectations
    from streams.flows.files import load_flow_file
    from streams.flows.publishing import publish
    from streams.kafka.topics import ensure_topics

    flow = load_flow_file(setup.shop_folder() / "shop.yaml")
    await ensure_topics(settings)
    worker = ending.enter_context(setup.running(setup.worker_command(), folder / "worker.log"))
    say(f"worker   faust -A streams worker, process {worker.pid}")
    (published,) = await publish([flow], settings)
    say(f"flow     {published.flow}@{published.version} is in force, as {flow.path} says")
    await setup.wait_until_ready(worker)
    shop = ending.enter_context(setup.running(setup.shop_command(), folder / "shop.log"))
    say(f"shop     opens, process {shop.pid}; some of its orders will break\n")
    expectations = Expectations(shop.log)
    await _watch(expectations, worker, shop, settings)
    return expectations


async def _watch(
    expectations: Expectations, worker: ServerProcess, shop: ServerProcess, settings: KafkaSettings
) -> None:
    """Show verdicts as they come, until every order has the one that it deserves, or too long."""
    from streams.cli.verdict_reader import Wanted, follow_verdicts

    until = time.monotonic() + SHOW_LIMIT_S
    async with aclosing(follow_verdicts(settings, Wanted(), from_beginning=True)) as verdicts:
        async for batch in verdicts:
            for incoming in batch:
                _show(incoming.verdict, expectations)
            if not worker.running:
                raise DemoFailed(f"the worker ended:\n{worker.log_tail()}")
            if not shop.running and not expectations.refresh():
                raise DemoFailed(f"the shop did not open:\n{shop.log_tail()}")
            if time.monotonic() > until or (not shop.running and expectations.met):
                return


def _show(verdict: Verdict, expectations: Expectations) -> None:
    order = expectations.heard(verdict, time.time_ns())
    line = verdict_line(verdict)
    if order is not None:
        line.append(f"  [{order.story}]", style="dim")
    data().print(line)
