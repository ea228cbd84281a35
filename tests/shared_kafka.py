"""One Apache Kafka for all workers of a test run, however many they are and however they end.

A keeper process starts the broker and stops it when nobody holds `users.lock` any more. Users hold
that lock shared, and the kernel drops the lock of a user that dies: there is no count to get wrong.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from streams.errors import BrokerUnavailable
from streams.kafka.broker import APACHE_KINDS, start_broker

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parent.parent
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
        self._keeper: subprocess.Popen[str] | None = None
        self._users = (folder / "users.lock").open("w")
        address = folder / "bootstrap"
        with _locked(folder / "start.lock"):
            # Waits for a keeper that is just ending: it removed the address before.
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not address.exists():
                self._start_keeper(folder)
            self.bootstrap = address.read_text()

    def leave(self) -> None:
        """Let the broker go; the process that started the keeper waits until it has ended."""
        self._users.close()
        if self._keeper is not None:
            self._keeper.wait()

    def _start_keeper(self, folder: Path) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.shared_kafka", str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the users; the keeper sees them go
        )
        with _output(self._keeper) as output:
            answer = output.readline().strip()
            if answer != _READY:
                self.leave()
                raise BrokerUnavailable(f"{answer}\n{output.read()}")


def keep(folder: Path) -> None:
    """Run the broker for as long as anybody uses it."""
    with (
        start_broker(APACHE_KINDS, ROOT / ".duly") as broker,
        (folder / "users.lock").open() as users,
    ):
        address = folder / "bootstrap"
        address.write_text(broker.bootstrap)
        sys.stdout.write(f"{_READY}\n")
        sys.stdout.close()
        fcntl.flock(users, fcntl.LOCK_EX)
        address.unlink()


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None  # it was opened as a pipe
    return process.stdout


@contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]))
    except BrokerUnavailable as error:
        sys.exit(sys.stdout.write(f"{error}\n"))
