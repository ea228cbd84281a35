"""Settings of the interpreter and the allocator that a worker makes."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from streams.worker.tuning import keep_freed_memory

if sys.argv[1] == "tuned":
    keep_freed_memory()

def use_buffers():
    for _ in range(50):
        buffers = [bytes(4 << 20) + b"1" for _ in range(3)]

use_buffers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use_buffers()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_large_buffers_are_used_again_and_not_zeroed_anew() -> None:
    assert page_faults("untuned") > 1_000
    assert page_faults("tuned") < 100
