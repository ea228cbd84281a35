"""`duly demo`: starts a broker, a worker and a sample shop, and compares verdicts with what is expected."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from streams.cli.local.setup import BrokerChoice, BrokerOption, local_broker
from streams.cli.terminal import complain, data, say, verdict_line
from streams.errors import DemoFailed

if TYPE_CHECKING:
    from streams.cli.demo.expectations import Expectations
    from streams.cli.local.setup import LocalSetup
    from streams.cli.terminal import Verdict
    from streams.dev_broker.process import ServerProcess
    from streams.settings.worker import WorkerSettings

SHOW_LIMIT_S = 40.0
"""Limit for the shop and its verdicts; they take about ten seconds."""


def demo(broker: BrokerOption = None) -> None:
    """Show Duly at work, in half a minute, with nothing to set up.

    Starts the broker that is available (DULY_BROKER, Apache Kafka in a container or on Java, else
    an embedded one), a worker, and a sample shop, some of whose orders break on purpose. Prints
    each verdict as it is read, then a table of what was expected and what was seen: exit 0 if they
    are the same, else 4. Nothing is left behind, not after Ctrl-C either.

        duly demo
    """
    from streams.cli.demo import setup
    from streams.cli.local.signals import run_until_signalled

    with local_broker(broker, name="duly-demo") as local:
        server = local.server
        say(f"broker   {server.kind} on {server.bootstrap}  {server.notice}".rstrip())
        settings = setup.demo_settings(server, local.folder)
        if server.kind == BrokerChoice.external:
            local.ending.callback(lambda: asyncio.run(setup.remove_topics(settings)))
        expectations = run_until_signalled(_perform(local, settings))
        data().print()
        data().print(expectations.table())
        data().print(expectations.sentence())
    if not expectations.met:
        raise DemoFailed("the demo did not show what it promises")


async def _perform(local: LocalSetup, settings: WorkerSettings) -> Expectations:
    """Run worker and shop, and print verdicts."""
    from streams.cli.demo import setup
    from streams.cli.demo.expectations import Expectations
    from streams.flows.files import load_flow_file
    from streams.flows.publishing import publish
    from streams.kafka.topics import ensure_topics

    flow = load_flow_file(setup.shop_folder() / "shop.yaml")
    await ensure_topics(settings)
    worker = local.run_worker()
    say(f"worker   faust -A streams worker, process {worker.pid}")
    (published,) = await publish([flow.definition], settings)
    say(f"flow     {published.flow}@{published.version} is in force, as {flow.path} says")
    await setup.wait_until_ready(worker)
    shop = local.run("shop", setup.shop_command())
    say(f"shop     opens, process {shop.pid}; some of its orders will break\n")
    expectations = Expectations(shop.log)
    await _watch(expectations, worker, shop, settings)
    return expectations


async def _watch(
    expectations: Expectations, worker: ServerProcess, shop: ServerProcess, settings: WorkerSettings
) -> None:
    """Print verdicts until every order has the expected one, or time is up."""
    from streams.kafka.verdict_reader import follow_verdicts

    until = time.monotonic() + SHOW_LIMIT_S
    async with aclosing(
        follow_verdicts(settings, from_beginning=True, on_unreadable=complain)
    ) as verdicts:
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
