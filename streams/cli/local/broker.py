"""Starts the broker of a command that runs everything on this machine, and ends it in any case."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from streams.cli.local.signals import ended_by_signals, undisturbed_end
from streams.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Generator

    from streams.dev_broker import Broker


class BrokerKind(StrEnum):
    """The kinds of broker that can be used."""

    external = "external"
    docker = "docker"
    apache = "apache"
    embedded = "embedded"


BrokerOption = Annotated[
    BrokerKind | None,
    typer.Option("--broker", help="The kind of broker; by default the best one available."),
]


class LocalSetup(NamedTuple):
    """A broker that runs, a folder for what the command writes, and what ends with them."""

    server: Broker
    folder: Path
    ending: ExitStack


@contextmanager
def local_broker(kind: BrokerKind | None, *, name: str) -> Generator[LocalSetup]:
    """Run a broker for the time of a block; a signal ends the block, and nothing stays behind."""
    from streams.dev_broker import start_broker

    with (
        ended_by_signals(),
        tempfile.TemporaryDirectory(prefix=f"{name}-") as folder,
        ExitStack() as ending,
        undisturbed_end(),
    ):
        say("broker   starts; the first time it may have to be fetched")
        server = start_broker(kind.value if kind else None)
        ending.callback(server.close)
        yield LocalSetup(server, Path(folder), ending)


def broker_environment(broker: Broker) -> dict[str, str]:
    """Return the settings for a broker: its address, and what the embedded one cannot do."""
    if broker.kind != BrokerKind.embedded:
        return {"DULY_BROKER": broker.bootstrap}
    return {
        "DULY_BROKER": broker.bootstrap,
        "DULY_IDEMPOTENCE": "false",
        "DULY_ALLOW_CREATE_TIME": "true",
        "DULY_REBALANCE_TIMEOUT_MS": "1000",
    }
