"""One Apache Kafka for all workers of a test run, however many they are and however they end.

A keeper process starts the broker and stops it when nobody holds `users.lock` any more. Users hold
that lock shared, and the kernel drops the lock of a user that dies: there is no count to get wrong.
The keeper is nobody's child, so that a test which looks at its own processes does not meet it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from streams.dev_broker import APACHE_KINDS, start_broker
from streams.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parents[2]
_READY = "ready"


class SharedKafka:
    """The use of the shared broker by this process.

    Attributes:
        bootstrap: its address, `host:port`.
    """

    def __init__(self, folder: Path) -> None:
        """Join the broker of the run that `folder` belongs to; start it for the first user.

        Raises:
            BrokerUnavailable: no Apache Kafka can be had here; the message says what to install.
        """
        self._folder = folder
        self._started_it = False
        self._users = (folder / "users.lock").open("w")
        address = folder / "bootstrap"
        with _locked(folder / "start.lock", fcntl.LOCK_EX):
            # Waits for a keeper that is just ending: it removed the address before.
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not address.exists():
                self._start_keeper()
            self.bootstrap = address.read_text()

    def leave(self) -> None:
        """Let the broker go; the process that started it waits until it has ended."""
        self._users.close()
        if self._started_it:
            with _locked(self._folder / "keeper.lock", fcntl.LOCK_SH):
                pass

    def _start_keeper(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.shared_kafka", str(self._folder)],
            capture_output=True,
            check=False,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the users; the keeper sees them go
            text=True,
        )
        if done.returncode:
            self.leave()
            raise BrokerUnavailable(done.stderr)
        self._started_it = True


def keep(folder: Path) -> None:
    """Run the broker for as long as anybody uses it, in a process that nobody waits for.

    The process that called it exits once the broker serves, or with the reason why it does not.
    """
    ready, answer = os.pipe()
    if os.fork():
        os.close(answer)
        with os.fdopen(ready) as said:
            message = said.read()
        sys.exit(None if message == _READY else message or f"see {folder / 'keeper.log'}")
    with (folder / "keeper.log").open("w") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    with _locked(folder / "keeper.lock", fcntl.LOCK_EX), os.fdopen(answer, "w") as caller:
        _serve(folder, caller)


def _serve(folder: Path, caller: TextIO) -> None:
    address = folder / "bootstrap"
    try:
        broker = start_broker(APACHE_KINDS, ROOT / ".duly")
    except BrokerUnavailable as error:
        caller.write(str(error))
        return
    with broker:
        address.write_text(broker.bootstrap)
        caller.write(_READY)
        caller.close()
        with _locked(folder / "users.lock", fcntl.LOCK_EX):
            address.unlink()
            broker.close()


@contextmanager
def _locked(path: Path, how: int) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
