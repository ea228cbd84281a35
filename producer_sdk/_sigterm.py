"""SIGTERM handler for hosts that have none: flushes, then lets the signal end the process."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def flush_on_sigterm(flush: Callable[[], object]) -> None:
    """Install a handler that calls `flush` on SIGTERM and then ends the process by that signal.

    Does nothing outside the main thread, where Python allows no handlers, or if the host has a
    handler or ignores the signal. A handler that the host sets later replaces this one.

    Args:
        flush: called in a thread of its own; must return, whether or not everything was delivered.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def flush_and_end() -> None:
        try:
            flush()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def on_sigterm(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second SIGTERM ends it at once
        # Not in this thread: it may hold a lock that delivery needs. And not with `threading`, whose
        # locks it may hold as well.
        try:
            _thread.start_new_thread(flush_and_end, ())
        except (
            RuntimeError
        ):  # the interpreter is exiting, which flushes too, or no thread can start
            os.kill(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(ValueError):  # a subinterpreter
        signal.signal(signal.SIGTERM, on_sigterm)
