"""Broker in a child process of this one: base of Apache Kafka and of the embedded broker."""

from __future__ import annotations

import os
import shutil
import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from streams.dev_broker.base import Broker
from streams.dev_broker.ports import HOST, answers, free_ports
from streams.dev_broker.process import ServerProcess
from streams.errors import BrokerUnavailable

if TYPE_CHECKING:
    from pathlib import Path

START_TIMEOUT_S = 90.0
_POLL_S = 0.05


class LocalBroker(Broker):
    """A broker in a child process, with a port and a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self.controller_port = free_ports(2)
        self.bootstrap = f"{HOST}:{self.port}"
        self.home = _new_home(folder.resolve(), self.port)
        self.process = ServerProcess(self.home / "broker.log")

    @abstractmethod
    def command(self) -> list[str | Path]:
        """Return the command that serves `port` and keeps its data below `home`."""

    def start(self) -> None:
        """Start the process and await its first answer."""
        self.process.start(self.command())
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answers(HOST, self.port, timeout_s=1.0):
            if not self.process.running:
                raise BrokerUnavailable(self._failure("ended while it started"))
            if time.monotonic() > deadline:
                raise BrokerUnavailable(self._failure(f"was silent for {START_TIMEOUT_S:.0f} s"))
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop cleanly."""
        self.process.stop()

    def kill(self) -> None:
        """End at once."""
        self.process.kill()

    def restart(self) -> None:
        """Start again on the same data and port."""
        self.process.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process."""
        self.process.pause()

    def resume(self) -> None:
        """Let the frozen process go on."""
        self.process.resume()

    def discard(self) -> None:
        """Kill the process, whose data nobody will ask for again, and remove its folder."""
        self.process.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def _failure(self, what: str) -> str:
        return (
            f"The {self.kind} broker at {self.bootstrap} {what}. "
            f"Its last words:\n{self.process.log_tail()}"
        )


def _new_home(folder: Path, port: int) -> Path:
    """Make a folder for one broker, named after our process; remove those of dead ones."""
    run = folder / "run"
    run.mkdir(parents=True, exist_ok=True)
    for left in run.iterdir():
        if not _alive(int(left.name.partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    home = run / f"{os.getpid()}-{port}"
    home.mkdir()
    return home


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's, so it is there
        return True
    return True
