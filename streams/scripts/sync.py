"""The sandbox for callers without an event loop of their own, and for those inside a running one."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeVar

from streams.scripts.sandbox import create_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from streams.engine.script_calls import ScriptAnswer, ScriptCall
    from streams.scripts.limits import Limits
    from streams.scripts.sandbox import Sandbox

_T = TypeVar("_T")


class SyncSandbox:
    """A sandbox on an event loop in a thread of its own; `close` it, or use it in a `with`.

    Args:
        limits: budgets of scripts. Its processes start with the first script.
    """

    def __init__(self, limits: Limits) -> None:
        self._sandbox = create_sandbox(limits)
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._closing = asyncio.Event()
        # A loop of the caller's thread may be running already, as in a test that is a coroutine.
        self._thread = threading.Thread(target=self._serve, name="duly-scripts", daemon=True)
        self._thread.start()
        self._loop = self._started.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """Run scripts; the answers are in the order of the calls."""
        return self.run(lambda sandbox: sandbox.evaluate(calls))

    def check(self, engine: str, source: str, kind: str) -> str | None:
        """Return why a script does not compile, with its line; None if it does."""
        return self.run(lambda sandbox: sandbox.check(engine, source, kind))

    def run(self, work: Callable[[Sandbox], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine that uses the sandbox, and return its result; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(work(self._sandbox), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop the sandbox and its processes."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _serve(self) -> None:
        try:
            asyncio.run(self._run_until_closed())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _run_until_closed(self) -> None:
        await self._sandbox.start()
        self._started.set_result(asyncio.get_running_loop())
        try:
            await self._closing.wait()
        finally:
            await self._sandbox.stop()
