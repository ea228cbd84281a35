"""Child processes that a test leaves behind."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

_EXIT_GRACE_S = 2.0
_TASKS = Path("/proc/self/task")


@contextmanager
def watching_processes() -> Generator[None]:
    """Fail the test if a child process that is new here outlives the context, and end that process."""
    before = _children()
    yield
    new = _running(_children() - before)
    _, leaked = psutil.wait_procs(list(new), timeout=_EXIT_GRACE_S)
    if leaked:
        commands = [" ".join(process.cmdline()) for process in leaked]
        for process in leaked:
            process.kill()
        psutil.wait_procs(leaked)
        pytest.fail("processes are left behind:\n" + "\n".join(commands))


def _children() -> set[int]:
    """Return the ids of this process's children; each of thousands of tests asks twice, so asking must be cheap."""
    if not _TASKS.exists():  # not Linux: look at every process
        return {child.pid for child in psutil.Process().children()}
    found, again = _listed_children(), _listed_children()
    while not again <= found:  # a list that is read while a child ends may lack others
        found, again = found | again, _listed_children()
    return found


def _listed_children() -> set[int]:
    found: set[int] = set()
    for task in _TASKS.iterdir():
        with suppress(OSError):  # the thread has ended
            found.update(map(int, (task / "children").read_text().split()))
    return found


def _running(pids: Iterable[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)
