"""CPU time of a process, also of one that has ended."""

from __future__ import annotations

import subprocess
import sys
import time

from streams.scripts.cpu_time import CpuTimer

WORK = "import time\nwhile time.process_time() < 0.3: pass"
"""Three tenths of a second of CPU, however long that takes."""


def test_a_process_that_does_nothing_uses_nothing() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        watch = CpuTimer(process.pid)
        time.sleep(0.1)
        assert watch.seconds() < 0.05
        process.kill()
        process.wait()
        assert watch.seconds() < 0.05


def test_a_process_that_has_ended_is_measured_by_what_it_used() -> None:
    with subprocess.Popen([sys.executable, "-c", WORK]) as process:
        watch = CpuTimer(process.pid)
        process.wait()
        time.sleep(0.5)
        assert 0.2 < watch.seconds() < 0.6
