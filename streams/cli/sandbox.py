"""The sandbox of commands: a worker's limits for each call, and time enough for all of them."""

from __future__ import annotations

from streams.log import configure_logging
from streams.scripts.limits import Limits
from streams.scripts.sync import SyncSandbox
from streams.settings.worker import load_worker_settings

PROGRAM_MS = 10_000
BATCH_MS = 60_000
"""No other runs wait while a command's scripts waste time."""


def command_sandbox() -> SyncSandbox:
    """Start a sandbox; a command reports itself what came of a script, so its log is off."""
    settings = load_worker_settings()
    configure_logging(settings.model_copy(update={"log_level": "error"}))
    return SyncSandbox(
        Limits(
            call_ms=settings.script_timeout_ms,
            memory_mb=settings.script_memory_mb,
            program_ms=PROGRAM_MS,
            batch_ms=BATCH_MS,
        )
    )
