"""Server process that never outlives its parent; its output goes to a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

STOP_TIMEOUT_S = 15.0
_LAUNCHER = Path(__file__).with_name("launch.py")


class ServerProcess:
    """Runs one command at a time, as often as asked.

    On Linux the kernel kills the process when the thread that started it ends, however this
    happens; so start it from a thread that lives as long as the server shall, as the main thread.
    It has a process group of its own, so that Ctrl-C in a terminal reaches only us: we decide in
    which order things end.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """True while the process exists, also frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the running or last process; 0 before the first."""
        return self._process.pid if self._process else 0

    def start(self, command: Sequence[str | Path]) -> None:
        """Start `command`, an absolute path and its arguments; its output goes to the log's end."""
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask the process to end; kill it if it has not after `timeout_s` seconds."""
        self.resume()  # a frozen process would not hear
        self._signal(signal.SIGTERM)
        try:
            self._wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._signal(signal.SIGKILL)
        self._wait(None)

    def pause(self) -> None:
        """Freeze the process; return when all of its threads stand still."""
        self._signal(signal.SIGSTOP)
        if self.running and sys.platform == "linux":
            # Waits for its stop, or its end, and leaves the end to be seen by `running`.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the log, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # does nothing when the process has ended

    def _wait(self, timeout_s: float | None) -> None:
        if self._process is not None:
            self._process.wait(timeout_s)


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, *, stop_timeout_s: float = STOP_TIMEOUT_S
) -> Generator[ServerProcess]:
    """Run a process for the time of a block; its output goes to `log`."""
    process = ServerProcess(log)
    try:
        process.start(command)
        yield process
    finally:
        process.stop(stop_timeout_s)
