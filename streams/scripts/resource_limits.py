"""Resource limits that the worker sets on a sandbox process: CPU, memory, files, priority.

The engines bound themselves; these limits hold where an engine is wrong about that. Linux only:
elsewhere a process can only limit itself, and the engines' own bounds stand alone.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from pathlib import Path

from streams.scripts.cpu_time import cpu_time

if sys.platform == "linux":
    import resource


CPU_RESERVE_S = 2
"""CPU time beyond its budget after which the kernel ends a sandbox process."""

QUARANTINE_NICENESS = 5
"""Against a busy process it gets a quarter of a CPU; on an idle machine, all of it."""

_AS_RESERVE_BYTES = 512 << 20
"""Address space of a process beside the heap of its scripts: code, stacks, allocator."""


def limit_process(pid: int, memory_bytes: int, seconds: float) -> None:
    """Limit a process of ours to what a sandbox needs, and bound its CPU time.

    To be called before each use. The bound is for the case that our own process is killed: its
    sandbox processes see their pipes close, but one that is stuck in a script reads no pipe. It
    would spin for ever; so the kernel ends it.

    Args:
        pid: a process of the same user.
        memory_bytes: the heap that its scripts may use.
        seconds: CPU time of what it runs now.
    """
    if sys.platform != "linux":
        return
    space = memory_bytes + _AS_RESERVE_BYTES
    with contextlib.suppress(OSError):  # it died just now, or a container forbids prlimit
        cpu_s = math.ceil(cpu_time(pid) + seconds) + CPU_RESERVE_S
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu_s, resource.RLIM_INFINITY))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))  # what is open stays open
        resource.prlimit(pid, resource.RLIMIT_AS, (space, space))


def lower_priority(pid: int) -> None:
    """Lower the priority of a process of ours."""
    with contextlib.suppress(OSError):  # it died just now
        tasks = Path(f"/proc/{pid}/task")
        threads = [int(task.name) for task in tasks.iterdir()] if tasks.exists() else [pid]
        for thread in threads:
            os.setpriority(os.PRIO_PROCESS, thread, QUARANTINE_NICENESS)
