"""The one door to scripts: calls go in, answers come out, whatever the language."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, TypeVarTuple

from streams.engine.scripts import ScriptAnswer
from streams.validators.bench import Bench
from streams.validators.compiled import CompiledScripts
from streams.validators.engine import EngineFailed, NotCompiled, cut
from streams.validators.rounds import Allowance, Round

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.engine.scripts import ScriptCall
    from streams.validators.limits import Limits


_Args = TypeVarTuple("_Args")
_Result = TypeVar("_Result")


class Sandbox(Protocol):
    """Runs scripts where they can neither escape nor stall."""

    async def start(self) -> None:
        """Get ready; must be called before anything else."""
        ...

    async def stop(self) -> None:
        """End every process of the sandbox, once the calls under way are answered."""
        ...

    async def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """Return the answers to `calls`, in their order; nothing that a script does raises."""
        ...

    async def check(self, engine: str, source: str, kind: str) -> str | None:
        """Return why a script is refused, for people, with its line; None if it is not."""
        ...


def create_sandbox(limits: Limits) -> Sandbox:
    """Return a sandbox for all engines, of which each starts with its first script."""
    return ScriptSandbox(limits)


class ScriptSandbox:
    """The sandbox of a worker: engines in processes, waited for in threads.

    Args:
        limits: what a script may cost.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._scripts = CompiledScripts(limits)
        self._lanes: _Lanes | None = None
        self.bench = Bench(limits)
        """Which scripts are not run for a while."""

    async def start(self) -> None:
        """See `Sandbox`."""
        self._lanes = _Lanes(
            ThreadPoolExecutor(self._limits.processes, thread_name_prefix="scripts"),
            ThreadPoolExecutor(1, thread_name_prefix="suspect-scripts"),
        )

    async def stop(self) -> None:
        """See `Sandbox`."""
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            for threads in lanes:
                await asyncio.to_thread(threads.shutdown)
            await asyncio.to_thread(self._scripts.stop)

    async def check(self, engine: str, source: str, kind: str) -> str | None:  # noqa: ARG002  # filters and validators are written alike
        """See `Sandbox`."""
        return await _in_thread(self._started.usual, self._refusal, engine, source)

    async def evaluate(self, calls: Sequence[ScriptCall]) -> list[ScriptAnswer]:
        """See `Sandbox`."""
        groups: dict[tuple[str, str], list[int]] = {}
        for number, call in enumerate(calls):
            groups.setdefault((call.engine, call.source), []).append(number)
        allowance = Allowance(self._limits.batch_ms / 1_000)
        rounds = [
            _in_thread(
                self._lane(*script), self._answer, [calls[number] for number in numbers], allowance
            )
            for script, numbers in groups.items()
        ]
        answers: dict[int, ScriptAnswer] = {}
        for numbers, found in zip(groups.values(), await asyncio.gather(*rounds), strict=True):
            answers.update(zip(numbers, found, strict=True))
        return [answers[number] for number in range(len(calls))]

    @property
    def _started(self) -> _Lanes:
        if self._lanes is None:
            raise RuntimeError("the sandbox is not started")
        return self._lanes

    def _lane(self, engine: str, source: str) -> ThreadPoolExecutor:
        lanes = self._started
        return lanes.suspects if self.bench.is_suspect(engine, source) else lanes.usual

    def _refusal(self, engine: str, source: str) -> str | None:
        try:
            self._scripts.get(engine, source)
        except NotCompiled as refusal:
            return cut(str(refusal))
        return None

    def _answer(self, calls: Sequence[ScriptCall], allowance: Allowance) -> list[ScriptAnswer]:
        """Answer calls of one script."""
        try:
            program = self._scripts.get(calls[0].engine, calls[0].source)
            return Round(program, calls, self._limits, self.bench, allowance).answer()
        except EngineFailed as failure:
            return [ScriptAnswer("limit", cut(str(failure)))] * len(calls)
        except NotCompiled as refusal:
            return [ScriptAnswer("not_compiled", cut(str(refusal)))] * len(calls)


class _Lanes(NamedTuple):
    """Threads that wait for engines: scripts that went over their limits do not hold up others."""

    usual: ThreadPoolExecutor
    suspects: ThreadPoolExecutor


def _in_thread(
    threads: ThreadPoolExecutor, function: Callable[[*_Args], _Result], *args: *_Args
) -> asyncio.Future[_Result]:
    return asyncio.get_running_loop().run_in_executor(threads, function, *args)
