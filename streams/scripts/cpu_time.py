"""CPU time of a process: on a busy machine less than the time that has passed."""

from __future__ import annotations

import sys
import time

if sys.platform == "linux":
    import resource


def cpu_time(pid: int) -> float:
    """Return the CPU time of a process of ours in seconds.

    Raises:
        OSError: there is no such process, or no such clock on this system.
    """
    if sys.platform != "linux":
        raise OSError("the CPU time of another process is known on Linux only")
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3), which Python lacks


class CpuTimer:
    """Measures the CPU time of a process from now on, also if it ends meanwhile.

    Args:
        pid: a process of ours.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started_s = time.monotonic()
        self._ended_s = _ended_children_s()
        self._used_s = self._cpu_time()

    def seconds(self) -> float:
        """Return its CPU time in seconds, or the elapsed time where it cannot be measured."""
        passed_s = time.monotonic() - self._started_s
        if self._used_s is None:
            return passed_s
        used_s = self._cpu_time()
        if used_s is None:
            # It was waited for: its time is among that of children that ended. Another that ended
            # meanwhile is taken for it, too.
            used_s = _ended_children_s() - self._ended_s
        return min(passed_s, max(0.0, used_s - self._used_s))

    def _cpu_time(self) -> float | None:
        try:
            return cpu_time(self._pid)
        except OSError:
            return None


def _ended_children_s() -> float:
    """Return the CPU time of all children that ended and were waited for."""
    if sys.platform != "linux":
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
