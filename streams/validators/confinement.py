"""What the operating system adds around a sandbox process: no files, no core dumps, a short leash.

The engines bound themselves; these limits hold where an engine is wrong about that. Linux only:
elsewhere a process can only limit itself, and the engines' own bounds stand alone.
"""

from __future__ import annotations

import math
import sys
import time

if sys.platform == "linux":
    import resource

LEASH_S = 5
"""CPU time after which the kernel ends a sandbox process that nobody has spoken to meanwhile."""

_AS_RESERVE_BYTES = 512 << 20
"""Address space of a process beside the heap of its scripts: code, stacks, allocator."""


def confine(pid: int, memory_bytes: int) -> None:
    """Take from another process of ours all that a script's sandbox does not need.

    Args:
        pid: a process of the same user.
        memory_bytes: the heap that its scripts may use.
    """
    if sys.platform != "linux":
        return
    space = memory_bytes + _AS_RESERVE_BYTES
    for what, amount in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),  # what is open stays open, nothing is opened any more
        (resource.RLIMIT_AS, space),
    ):
        resource.prlimit(pid, what, (amount, amount))


def put_on_leash(pid: int) -> None:
    """Let a process run for `LEASH_S` more seconds of CPU; to be said before each use.

    A worker that is killed cannot end its sandbox processes. One that waits for work sees its pipe
    close; one that is stuck in a script would spin for ever, and is ended by the kernel instead.
    """
    if sys.platform != "linux":
        return
    used_s = time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3), which Python lacks
    limit_s = math.ceil(used_s) + LEASH_S
    resource.prlimit(pid, resource.RLIMIT_CPU, (limit_s, resource.RLIM_INFINITY))
