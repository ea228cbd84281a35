"""Runs broker and worker of a command on this machine, and ends both in any case."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from streams.cli.local.signals import ended_by_signals, undisturbed_end
from streams.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from streams.dev_broker import Broker
    from streams.dev_broker.process import ServerProcess


STOP_TIMEOUT_S = 5.0


class BrokerChoice(StrEnum):
    """The kinds of broker that can be used."""

    external = "external"
    docker = "docker"
    apache = "apache"
    embedded = "embedded"


BrokerOption = Annotated[
    BrokerChoice | None,
    typer.Option("--broker", help="The kind of broker; by default the best one available."),
]


class LocalSetup(NamedTuple):
    """A running broker, a folder for files of the command, and what is stopped at its end."""

    server: Broker
    folder: Path
    ending: ExitStack

    def run(self, name: str, command: Sequence[str | Path]) -> ServerProcess:
        """Run a process until the command ends; its output goes to `<name>.log`."""
        from streams.dev_broker.process import running

        log = self.folder / f"{name}.log"
        return self.ending.enter_context(running(command, log, stop_timeout_s=STOP_TIMEOUT_S))

    def run_worker(self) -> ServerProcess:
        """Run a worker; -P keeps the user's folder off its import path."""
        faust = [sys.executable, "-P", "-m", "faust", "-A", "streams", "worker", "--without-web"]
        return self.run("worker", faust)


@contextmanager
def local_broker(kind: BrokerChoice | None, *, name: str) -> Generator[LocalSetup]:
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
    if broker.kind != BrokerChoice.embedded:
        return {"DULY_BROKER": broker.bootstrap}
    return {
        "DULY_BROKER": broker.bootstrap,
        "DULY_IDEMPOTENCE": "false",
        "DULY_ALLOW_CREATE_TIME": "true",
        "DULY_REBALANCE_TIMEOUT_MS": "1000",
    }
