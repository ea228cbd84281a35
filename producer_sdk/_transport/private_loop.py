"""Event loop of the delivery thread; uses no executor threads."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("producer_sdk")


class PrivateLoop(asyncio.SelectorEventLoop):
    """An event loop that needs no other thread.

    Work for an executor (a look-up of a host name, a step of SASL) runs in the loop's own thread.
    When the interpreter exits, executors accept no more work, and a short program sends its events
    just then.
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
        except Exception as error:  # noqa: BLE001 -- raised where the future is awaited
            future.set_exception(error)
        return future


def _log_quietly(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # noqa: ARG001 -- asyncio's signature
    """Log at debug level what aiokafka leaves behind when it is closed without a broker."""
    log.debug("event loop: %s", context.get("message"), exc_info=context.get("exception"))
