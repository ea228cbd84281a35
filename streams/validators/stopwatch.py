"""How much time a process has worked: on a busy machine that is less than has passed."""

from __future__ import annotations

import sys
import time


def cpu_time(pid: int) -> float:
    """Return how many seconds of CPU a process of ours has used.

    Raises:
        OSError: there is no such process, or no such clock on this system.
    """
    if sys.platform != "linux":
        raise OSError("the CPU time of another process is known on Linux only")
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3), which Python lacks


class Stopwatch:
    """Measures a process from now on.

    Args:
        pid: a process of ours.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started_s = time.monotonic()
        self._used_s = self._cpu_time()

    def seconds(self) -> float:
        """Return the CPU time that it used, or where nobody can tell the time that passed."""
        used_s = self._cpu_time()
        if used_s is None or self._used_s is None:
            return time.monotonic() - self._started_s
        return used_s - self._used_s

    def _cpu_time(self) -> float | None:
        try:
            return cpu_time(self._pid)
        except OSError:
            return None
