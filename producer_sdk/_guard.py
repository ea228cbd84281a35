"""Guard around the public functions: counts and logs every error instead of raising it.

In strict mode it raises: in our own tests, and in a user's with `initialize(strict=True)`.
"""

from __future__ import annotations

import functools
import inspect
import logging
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from producer_sdk._counters import Counters
from producer_sdk._errors import SdkError, UsageError
from producer_sdk._on_error import OnErrorHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from producer_sdk._counters import Loss

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("producer_sdk")

_OUR_PACKAGE = __name__.partition(".")[0]
_MAX_REMEMBERED = 1_000


class Guard:
    """Wraps the public functions; counts and logs losses that the code behind them reports.

    Attributes:
        strict: raise errors instead of counting and logging them.
        counters: the counts of the process.
        on_error: calls the host's `on_error`.
    """

    def __init__(self, counters: Counters) -> None:
        self.strict = False
        self.counters = counters
        self.on_error = OnErrorHook()
        self._reported: set[tuple[str, int, str, str]] = set()

    def __call__(self, fallback: R) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Return a decorator: the function returns `fallback` instead of raising."""

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(function)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                try:
                    return function(*args, **kwargs)
                except Exception as error:
                    if self.strict:
                        raise
                    self._caught(function.__name__, error)
                    return fallback

            return guarded

        return decorate

    def report(self, loss: Loss, about: str, message: str, *, count: int = 1) -> None:
        """Count a loss, and log it once for each calling line of the host and each `about`.

        Args:
            loss: the count to add to.
            about: the argument or setting concerned.
            message: the problem and its remedy; never a payload.
            count: how many were lost.

        Raises:
            UsageError: in strict mode.
        """
        if self.strict:
            raise UsageError(about, message)
        self.counters.add(loss, count)
        self.on_error(loss, message, count)
        place = _call_site()
        if self._is_new((*place, loss, about)):
            log.warning("%s (%s:%d; logged once for this line)", message, *place)

    def reset(self) -> None:
        """Start afresh in a forked child: counts are zero, and every line may be logged again."""
        self.counters.reset()
        self._reported = set()

    def _caught(self, name: str, error: Exception) -> None:
        if isinstance(error, TypeError) and _raised_by_call_of(error):
            self.report("refused_invalid", name, f"{name}(): {error}; nothing was sent")
            return
        self.counters.add("internal_errors")
        self.on_error("internal_errors", f"{name}() failed inside the SDK: {type(error).__name__}")
        place = _call_site()
        if self._is_new((*place, "internal_errors", type(error).__name__)):
            log.error(
                "%s() failed inside the SDK; the host is not affected, this call is lost "
                "(%s:%d; logged once for this line)",
                name,
                *place,
                exc_info=None if isinstance(error, SdkError) else error,
            )

    def _is_new(self, report: tuple[str, int, str, str]) -> bool:
        if report in self._reported:
            return False
        if len(self._reported) >= _MAX_REMEMBERED:
            self._reported.clear()
        self._reported.add(report)
        return True


def _call_site() -> tuple[str, int]:
    """Return file and line of the innermost frame outside the SDK."""
    frame = inspect.currentframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__")):
        frame = frame.f_back
    return ("the host", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == _OUR_PACKAGE


def _raised_by_call_of(error: TypeError) -> bool:
    """Return True if the arguments did not fit: the guard's own frame is then the innermost."""
    trace = error.__traceback__
    return trace is not None and trace.tb_next is None


guard = Guard(Counters())
"""The guard of this process."""
