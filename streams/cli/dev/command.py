"""`duly dev`: starts broker, topics and worker, and runs a session until a signal or the worker ends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.local.setup import BrokerChoice, BrokerOption, broker_environment, local_broker
from streams.cli.terminal import say

if TYPE_CHECKING:
    from streams.cli.local.setup import LocalSetup
    from streams.dev_broker import Broker
    from streams.settings.worker import WorkerSettings

PARTITIONS = 4
"""Of a broker that is started here, unless DULY_PARTITIONS says otherwise."""


def dev(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Flow files, or folders of them, to apply."),
    ] = None,
    *,
    broker: BrokerOption = None,
) -> None:
    """Run a broker, the topics and a worker in this terminal, and apply flow files as they change.

    Starts the broker that is available (DULY_BROKER, Apache Kafka in a container or on Java, else
    an embedded one) and prints its address, creates the topics, runs a worker and prints its log
    and each verdict. A flow file is applied at the start and again whenever it is saved; what is
    wrong in it is printed. Without a file, flows are learned from events.

    Ctrl-C ends everything, and with it what a broker that was started here holds. A broker that
    DULY_BROKER names keeps running, with its topics and flows.

        duly dev flows/
    """
    from streams.cli.local.signals import run_until_signalled

    missing = [str(path) for path in paths or () if not path.exists()]
    if missing:
        raise typer.BadParameter(f"there is no {', '.join(missing)}")
    with local_broker(broker, name="duly-dev") as local:
        say(f"broker   {local.server.kind}  {local.server.notice}".rstrip())
        say(f"         for other terminals: export DULY_BROKER={local.server.bootstrap}")
        run_until_signalled(_run(local, paths or [], _settings(local.server, local.folder)))


def _settings(broker: Broker, folder: Path) -> WorkerSettings:
    """Set the environment variables that this process and the worker need for the broker."""
    from streams.cli.kafka import worker_settings

    os.environ |= broker_environment(broker) | {"DULY_LOG_FORMAT": "console"}
    os.environ.setdefault("DULY_STATE_DIR", str(folder))
    if broker.kind != BrokerChoice.external:
        os.environ.setdefault("DULY_PARTITIONS", str(PARTITIONS))
    return worker_settings()


async def _run(local: LocalSetup, paths: list[Path], settings: WorkerSettings) -> None:
    from streams.cli.dev.session import run_session
    from streams.kafka.topics import ensure_topics

    created = await ensure_topics(settings)
    say(f"topics   {len(created)} created")
    await run_session(local.run_worker(), paths, settings)
