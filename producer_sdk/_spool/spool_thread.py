"""The thread that writes the spool, `duly-sdk-spool`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from producer_sdk._wake_signal import WakeSignal

if TYPE_CHECKING:
    from collections.abc import Callable

_AWAY_INTERVAL_S = 0.2
"""While the broker is away, a process that is killed loses what it recorded in this time."""
_JOIN_S = 3.0


class SpoolThread:
    """Calls a function when it is woken, and every 0.2 s while the broker is away.

    Args:
        spool: moves events to the spool; must not raise.
    """

    def __init__(self, spool: Callable[[], None]) -> None:
        self._spool = spool
        self._wakeup = WakeSignal()
        self._is_broker_away = self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, a daemon."""
        self._thread = threading.Thread(target=self._run, name="duly-sdk-spool", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have events moved soon."""
        self._wakeup.set()

    def set_broker_away(self, *, is_away: bool) -> None:
        """Have events moved again and again from now on, or no longer."""
        self._is_broker_away = is_away
        if is_away:
            self._wakeup.set()

    def stop(self) -> None:
        """End the thread; wait for it up to `_JOIN_S` seconds."""
        self._closing = True
        self._wakeup.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._closing:
            self._wakeup.wait(_AWAY_INTERVAL_S if self._is_broker_away else -1)
            self._spool()
