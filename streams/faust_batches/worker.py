"""Faust's worker with our checks before it, a bounded stop, and our exit codes after it.

Its seams to Faust are pinned by tests/faust_batches/test_seams.py.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

import faust

from streams.errors import EXIT_INTERNAL, EXIT_STOPPED, DulyError, exit_code_of
from streams.log import faust_logger, get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faust.types import AppT

log = get_logger(__name__)

STOP_TIMEOUT_S = 15.0
"""How long an orderly stop may take; without a broker it would never end."""


class Worker(faust.Worker):
    """Runs the app in this process until a signal or a failure ends it.

    Args:
        app: the Faust app.
        services: what else to run, as Faust gives it.
        prepare: awaited before anything starts; raises DulyError if the worker cannot run.
    """

    logger = faust_logger

    def __init__(
        self,
        app: AppT,
        *services: Any,
        prepare: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        # Logging is set up already (streams/log.py), and stdout is nobody's log.
        options |= {"override_logging": False, "redirect_stdouts": False}
        super().__init__(app, *services, **options)
        self.spinner = None
        self._prepare = prepare
        self._overdue: threading.Timer | None = None

    def execute_from_commandline(self) -> NoReturn:
        """Run until a signal or a failure, then exit with the code that says which."""
        try:
            self.loop.run_until_complete(self._prepare())
        except DulyError as error:
            sys.stderr.write(f"duly: {error}\n")
            raise SystemExit(error.exit_code) from None
        try:
            super().execute_from_commandline()
        except SystemExit as ended:
            raise SystemExit(self._exit_code(ended.code)) from None

    async def stop(self) -> None:
        """Stop in order, but not for longer than `STOP_TIMEOUT_S`."""
        if self._overdue is None:
            self._overdue = threading.Timer(STOP_TIMEOUT_S, self._give_up)
            self._overdue.daemon = True
            self._overdue.start()
        await super().stop()

    def _exit_code(self, code: Any) -> int:
        if self.crash_reason is not None:
            exit_code = exit_code_of(self.crash_reason)
            reason = str(self.crash_reason) or type(self.crash_reason).__name__
            log.critical("worker ended", reason=reason, exit_code=exit_code)
            return exit_code
        return EXIT_STOPPED if code in {None, EXIT_STOPPED} else EXIT_INTERNAL

    def _give_up(self) -> NoReturn:
        log.critical("stop took too long, is the broker away?", duration_ms=STOP_TIMEOUT_S * 1_000)
        crashed = self.crash_reason
        os._exit(EXIT_INTERNAL if crashed is None else exit_code_of(crashed))
