"""SIGTERM where the host has no handler of its own: flush, then end as if there were none."""

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
    """Call `flush` when the process is asked to end, and let it end by that signal then.

    Does nothing outside of the main thread, where Python takes no handlers, and where the host
    has a handler or ignores the signal. A handler that the host sets later replaces this one.

    Args:
        flush: called by a thread of its own; must return, whether or not all could be delivered.
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
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends it at once
        # Not here: the main thread may be interrupted while it holds a lock that delivery needs.
        # And not by `threading`, whose locks it may hold as well.
        try:
            _thread.start_new_thread(flush_and_end, ())
        except RuntimeError:  # the interpreter is ending, which flushes too, or is out of threads
            os.kill(os.getpid(), signal.SIGTERM)

    with contextlib.suppress(ValueError):  # a subinterpreter
        signal.signal(signal.SIGTERM, on_sigterm)
