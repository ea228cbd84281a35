"""The command `duly dev`: what is started in which order, and how it ends."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.demo.command import Kind
from streams.cli.terminal import say

if TYPE_CHECKING:
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
    broker: Annotated[
        Kind | None, typer.Option(help="The kind of broker; by default the best one at hand.")
    ] = None,
) -> None:
    """Run a broker, the topics and a worker in this terminal, and apply flow files as they change.

    Starts the broker that is at hand (DULY_BROKER, Apache Kafka in a container or on Java, else
    an embedded one) and says its address, creates the topics, runs a worker whose log is shown, and
    prints each verdict. A flow file is applied at the start and again whenever it is saved; what
    is wrong in it is told, and waited for. Without a file, flows are learned from events.

    Ctrl-C ends all; what a broker that was started here holds is gone then. A broker that
    DULY_BROKER names goes on, with its topics and flows.

        duly dev flows/
    """
    from streams.cli.demo import signals
    from streams.dev_broker import start_broker

    missing = [str(path) for path in paths or () if not path.exists()]
    if missing:
        raise typer.BadParameter(f"there is no {', '.join(missing)}")
    with (
        signals.ended_by_signals(),
        tempfile.TemporaryDirectory(prefix="duly-dev-") as folder,
        ExitStack() as ending,
        signals.undisturbed_end(),
    ):
        say("broker   starts; the first time it may have to be fetched")
        server = start_broker(broker.value if broker else None)
        ending.callback(server.close)
        say(f"broker   {server.kind}  {server.notice}".rstrip())
        say(f"         for other terminals: export DULY_BROKER={server.bootstrap}")
        settings = _settings(server, Path(folder))
        signals.run_until_signalled(_run(ending, paths or [], Path(folder), settings))


def _settings(broker: Broker, folder: Path) -> WorkerSettings:
    """Give this process and the worker what they must know of the broker, by the environment."""
    from streams.cli.demo import setup
    from streams.cli.kafka import worker_settings

    os.environ |= setup.broker_environment(broker) | {"DULY_LOG_FORMAT": "console"}
    os.environ.setdefault("DULY_STATE_DIR", str(folder))
    if broker.kind != Kind.external:
        os.environ.setdefault("DULY_PARTITIONS", str(PARTITIONS))
    return worker_settings()


async def _run(
    ending: ExitStack, paths: list[Path], folder: Path, settings: WorkerSettings
) -> None:
    from streams.cli.demo import setup
    from streams.cli.dev.session import run_session
    from streams.kafka.topics import ensure_topics

    created = await ensure_topics(settings)
    say(f"topics   {len(created)} created")
    worker = ending.enter_context(setup.running(setup.worker_command(), folder / "worker.log"))
    await run_session(worker, paths, settings)
