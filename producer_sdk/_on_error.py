"""`on_error`: the host's own function, told of whatever is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

log = logging.getLogger("producer_sdk")


@dataclass(frozen=True, slots=True)
class Problem:
    """What `on_error` is told.

    Attributes:
        kind: the count of `Stats` that it belongs to; or `not_delivered` or `not_spooled`, by which
            nothing is lost yet.
        message: what was wrong and what to do; never a payload.
        count: how many events, fields or values.
    """

    kind: str
    message: str
    count: int


OnError: TypeAlias = Callable[[Problem], object]
"""Called at once by the thread that notices, a caller's or the SDK's own; it must not wait."""


class ErrorHook:
    """Calls `on_error`, whatever it does.

    Attributes:
        function: what to call; None is nothing.
    """

    def __init__(self) -> None:
        self.function: OnError | None = None
        self._thread = threading.local()
        self._has_failed = False

    def __call__(self, kind: str, message: str, count: int = 1) -> None:
        """Tell of a problem; one that the hook itself causes is not told again."""
        function = self.function
        if function is None or getattr(self._thread, "is_telling", False):
            return
        self._thread.is_telling = True
        try:
            function(Problem(kind, message, count))
        except Exception as error:  # noqa: BLE001 -- code of the host
            if not self._has_failed:
                self._has_failed = True
                log.warning("on_error raised %s (said once)", type(error).__name__)
        finally:
            self._thread.is_telling = False
