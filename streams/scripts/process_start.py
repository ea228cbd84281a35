"""Starts a sandbox process: its command line, its descriptors, its shared memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from streams.scripts.sandbox_process.protocol import OUTPUT_BYTES

_ROOT = Path(__file__).parents[2]
"""The folder of our packages: the process imports from no other place of ours."""

BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from streams.scripts.sandbox_process.main import main; main(*sys.argv[1:])"
)
"""The program that the process runs."""


def start_process(
    engine: str, connection: int, output: int, memory_bytes: int
) -> subprocess.Popen[bytes]:
    """Start a process.

    Args:
        engine: `cel` or `js`.
        connection: descriptor of its end of the socket.
        output: descriptor of the shared memory.
        memory_bytes: memory of one call.
    """
    arguments = [str(_ROOT), engine, str(connection), str(output)]
    arguments += [str(os.getpid()), str(memory_bytes)]
    return subprocess.Popen(
        [sys.executable, "-I", "-c", BOOT, *arguments],
        pass_fds=(connection, output),
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the worker
    )


def create_shared_memory() -> int:
    """Return a descriptor of memory that a child process can share."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("duly-scripts")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, OUTPUT_BYTES)
    return descriptor
