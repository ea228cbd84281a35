"""Launcher of a command that ends with its parent: `python launch.py PARENT_PID COMMAND…`.

Runs as a program of its own, before the command: the same calls between fork and exec of a parent
with threads could deadlock.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, command: list[str]) -> None:
    """Bind this process to `parent` where the system can, then become `command`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the binding
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted here


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
