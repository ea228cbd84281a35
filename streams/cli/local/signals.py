"""Clean shutdown on Ctrl-C, not interruptible."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import FrameType

_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals() -> Generator[None]:
    """Let the first signal end the block as Ctrl-C does, and ignore all that follow.

    They are ignored until the process has ended, so that its exit code says what happened.
    """

    def interrupt(*_signal: object) -> NoReturn:
        ignore_signals()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ignore_signals() -> None:
    """Ignore signals: the shutdown takes the time it needs."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def undisturbed_end() -> Generator[None]:
    """Ignore signals from the end of the block on."""
    try:
        yield
    finally:
        ignore_signals()


def run_until_signalled(work: Coroutine[None, None, _T]) -> _T:
    """Run `work` in an event loop; a signal cancels it, and from its end on signals are ignored.

    A signal that comes while the loop is made waits for it. The loop's own way of handling
    signals is not used: when it closes, it lets the next one kill the process.

    Raises:
        KeyboardInterrupt: a signal came.
    """
    early: list[int] = []

    async def cancellable() -> _T:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        _handle(lambda _number, _frame: loop.call_soon_threadsafe(task.cancel))
        if early:
            task.cancel()
        try:
            return await task
        finally:
            ignore_signals()

    _handle(lambda number, _frame: early.append(number))
    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)
