"""Child processes that a test leaves behind."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_EXIT_GRACE_S = 2.0


@contextmanager
def watching_processes() -> Generator[None]:
    """Fail the test if a child process that is new here outlives the context, and end that process."""
    ours = psutil.Process()
    before = set(ours.children())
    yield
    new = set(ours.children()) - before
    _, leaked = psutil.wait_procs(new, timeout=_EXIT_GRACE_S)
    if leaked:
        commands = [" ".join(process.cmdline()) for process in leaked]
        for process in leaked:
            process.kill()
        psutil.wait_procs(leaked)
        pytest.fail("processes are left behind:\n" + "\n".join(commands))
