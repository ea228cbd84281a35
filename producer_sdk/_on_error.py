"""`on_error`: a function of the host that is called at each loss."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

log = logging.getLogger("producer_sdk")


@dataclass(frozen=True, slots=True)
class Problem:
    """A loss, or a failure that may lead to one; the argument of `on_error`.

    Attributes:
        kind: the count of `Stats` that grew; or `not_delivered` or `not_spooled`, where nothing is
            lost yet.
        message: the problem and its remedy; never a payload.
        count: how many events, fields or values.
    """

    kind: str
    message: str
    count: int


OnError: TypeAlias = Callable[[Problem], object]
"""Called at once by the thread that notices, a caller's or the SDK's own; it must not block."""


class OnErrorHook:
    """Calls `on_error` and catches what it raises.

    Attributes:
        function: the function, None if the host gave none.
    """

    def __init__(self) -> None:
        self.function: OnError | None = None
        self._thread = threading.local()
        self._has_failed = False

    def __call__(self, kind: str, message: str, count: int = 1) -> None:
        """Call `on_error` with a problem, unless the call of `on_error` itself caused it."""
        function = self.function
        if function is None or getattr(self._thread, "is_calling", False):
            return
        self._thread.is_calling = True
        try:
            function(Problem(kind, message, count))
        except Exception as error:  # noqa: BLE001 -- code of the host
            if not self._has_failed:
                self._has_failed = True
                log.warning("on_error raised %s (logged once)", type(error).__name__)
        finally:
            self._thread.is_calling = False
