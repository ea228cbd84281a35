"""A worker that is killed leaves no process of its sandbox behind."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from streams.scripts.cpu_time import cpu_time
from tests.support.shared_kafka import ROOT

HOST = """
import asyncio, sys
from streams.engine.script_calls import ScriptCall
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox

async def main():
    engine, good, bad = sys.argv[1:]
    sandbox = create_sandbox(Limits(call_ms=3_000, trial_ms=3_000))
    await sandbox.start()
    for script in (good, bad):
        await sandbox.evaluate([ScriptCall(engine, script, "validator", b"{}", b"{}")])
        print("evaluated", flush=True)
    await asyncio.sleep(60)  # until it is killed

asyncio.run(main())
"""

STUCK = (  # only the kernel can take hold of it
    "def check(data, ctx):\n    a = b = ()\n    for _ in range(60):\n        a, b = [a, a], [b, b]\n"
    "    return a == b"
)


@pytest.mark.parametrize(
    ("engine", "good", "bad"),
    [
        ("python", "True", None),
        ("python", "True", STUCK),
        ("js", "true", None),
        ("js", "true", "(() => { while (true) {} })()"),
    ],
    ids=["python at rest", "python at work", "js at rest", "js at work"],
)
def test_a_killed_worker_leaves_no_process_behind(engine: str, good: str, bad: str | None) -> None:
    command = [sys.executable, "-c", HOST, engine, good, bad or good]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as host:
        try:
            assert host.stdout is not None
            assert host.stdout.readline() == "evaluated\n"
            if bad is None:
                assert host.stdout.readline() == "evaluated\n"
                children = psutil.Process(host.pid).children()
            else:
                children = _busy_children(host.pid)
            assert children
        finally:
            host.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


def _busy_children(pid: int) -> list[psutil.Process]:
    """Return the children of a process once one of them has worked on a script for a while."""
    at_first = {child.pid: _worked_s(child) for child in psutil.Process(pid).children()}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = psutil.Process(pid).children()
        if any(_worked_s(child) > at_first.get(child.pid, 0) + 0.2 for child in children):
            return children
        time.sleep(0.01)
    raise AssertionError("no sandbox process got to work")


def _worked_s(process: psutil.Process) -> float:
    try:
        return cpu_time(process.pid)
    except OSError:  # it has just been replaced
        return 0.0
