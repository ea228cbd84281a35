"""The one guard: whatever goes wrong in the SDK is counted and logged, and never reaches its host.

Our own tests run it with `strict`, which raises instead; `initialize(strict=True)` does so for a
user's tests.
"""

from __future__ import annotations

import functools
import inspect
import logging
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from producer_sdk._counters import Counters
from producer_sdk._errors import SdkError, UsageError
from producer_sdk._on_error import ErrorHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from producer_sdk._counters import Loss

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("producer_sdk")

_OUR_PACKAGE = __name__.partition(".")[0]
_MAX_REMEMBERED = 1_000


class Guard:
    """Wraps the public functions and takes the reports of everything behind them.

    Attributes:
        strict: raise what would be counted and logged.
        counters: the counts that reports go to.
        tell: calls the host's `on_error`.
    """

    def __init__(self, counters: Counters) -> None:
        self.strict = False
        self.counters = counters
        self.tell = ErrorHook()
        self._reported: set[tuple[str, int, str, str]] = set()

    def __call__(self, fallback: R) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Make a function return `fallback` where it would raise."""

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
        """Count a loss and log it, once for each line of the host that calls and each `about`.

        Args:
            loss: the count that it belongs to.
            about: the argument or setting that it is about.
            message: what was wrong and what to do; never a payload.
            count: how many were lost.

        Raises:
            UsageError: in strict mode.
        """
        if self.strict:
            raise UsageError(about, message)
        self.counters.add(loss, count)
        self.tell(loss, message, count)
        place = _call_site()
        if self._is_new((*place, loss, about)):
            log.warning("%s (%s:%d; said once for this line)", message, *place)

    def reset(self) -> None:
        """Start anew in a forked child: the parent's log tells nothing about its calls."""
        self.counters.reset()
        self._reported = set()

    def _caught(self, name: str, error: Exception) -> None:
        if isinstance(error, TypeError) and _raised_by_call_of(error):
            self.report("refused_invalid", name, f"{name}(): {error}; nothing was sent")
            return
        self.counters.add("internal_errors")
        self.tell("internal_errors", f"{name}() failed inside the SDK: {type(error).__name__}")
        place = _call_site()
        if self._is_new((*place, "internal_errors", type(error).__name__)):
            log.error(
                "%s() failed inside the SDK; the host is not affected, this call is lost "
                "(%s:%d; said once for this line)",
                name,
                *place,
                exc_info=None if isinstance(error, SdkError) else error,
            )

    def _is_new(self, said: tuple[str, int, str, str]) -> bool:
        if said in self._reported:
            return False
        if len(self._reported) >= _MAX_REMEMBERED:
            self._reported.clear()
        self._reported.add(said)
        return True


def _call_site() -> tuple[str, int]:
    """Return file and line of the innermost frame that is not ours."""
    frame = inspect.currentframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__")):
        frame = frame.f_back
    return ("the host", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == _OUR_PACKAGE


def _raised_by_call_of(error: TypeError) -> bool:
    """Say whether the arguments did not fit: the guard's own frame is then the innermost."""
    trace = error.__traceback__
    return trace is not None and trace.tb_next is None


guard = Guard(Counters())
"""The guard of this process."""
