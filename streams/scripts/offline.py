"""A sandbox for judging a log offline: no script meets a limit because the machine is busy."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from streams.scripts.sandbox import Sandbox

OFFLINE = Limits(call_ms=2_000, program_ms=120_000, batch_ms=240_000, strikes=1_000_000)


@asynccontextmanager
async def offline_sandbox() -> AsyncGenerator[Sandbox]:
    """Run a sandbox whose limits are far above those of a worker."""
    sandbox = create_sandbox(OFFLINE)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()
