"""The event loop of the worker's thread."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("producer_sdk")


class PrivateLoop(asyncio.SelectorEventLoop):
    """A loop that needs no other thread.

    What asyncio and aiokafka give to an executor (looking up a host name, a step of SASL) runs in
    the loop's own thread: at the exit of the interpreter executors take no more work, and just
    then the events of a short program are sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_exception_handler(_log_quietly)

    def run_in_executor(
        self,
        executor: Any,  # noqa: ARG002 -- asyncio's signature
        func: Callable[..., Any],
        *args: Any,
    ) -> asyncio.Future[Any]:
        """Call `func` at once and return its result as a future that is done."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 -- it belongs to whoever awaits the future
            future.set_exception(error)
        return future


def _log_quietly(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # noqa: ARG001 -- asyncio's signature
    """Keep what aiokafka leaves behind when it is closed without a broker out of the host's log."""
    log.debug("event loop: %s", context.get("message"), exc_info=context.get("exception"))
