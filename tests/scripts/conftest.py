"""A sandbox for the tests of this folder, and short ways to ask it."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal

import orjson
import pytest

from streams.engine.script_calls import ScriptAnswer, ScriptCall
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from tests.support.processes import watching_processes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from streams.scripts.sandbox import Sandbox


class Asker:
    """Asks a sandbox one call at a time, without its event loop in the way."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def __call__(
        self,
        source: str,
        data: Any = None,
        ctx: Any = None,
        *,
        engine: str = "python",
        kind: Literal["filter", "validator"] = "validator",
    ) -> ScriptAnswer:
        """Return the answer of one script on one event."""
        return self.all([call(source, data, ctx, engine=engine, kind=kind)])[0]

    def all(self, calls: list[ScriptCall]) -> list[ScriptAnswer]:
        """Return the answers to a batch."""
        return asyncio.run(self.sandbox.evaluate(calls))

    def refusal(self, source: str, engine: str = "python") -> str | None:
        """Return why a script is refused."""
        return asyncio.run(self.sandbox.check(engine, source, "validator"))


def call(
    source: str,
    data: Any = None,
    ctx: Any = None,
    *,
    engine: str = "python",
    kind: Literal["filter", "validator"] = "validator",
) -> ScriptCall:
    """Return a call with `data` and `ctx` as JSON; bytes are taken as they are."""

    def text(value: Any, default: Any) -> bytes:
        return (
            value if isinstance(value, bytes) else orjson.dumps(default if value is None else value)
        )

    return ScriptCall(engine, source, kind, text(data, {}), text(ctx, {"deps": []}))


def outcomes(answers: list[ScriptAnswer]) -> list[str]:
    """Return the outcome of each answer."""
    return [answer.outcome for answer in answers]


def _started(limits: Limits) -> Iterator[Asker]:
    sandbox = create_sandbox(limits)
    asyncio.run(sandbox.start())
    asker = Asker(sandbox)
    asker("True")  # starts the processes, so that they count for no single test
    yield asker
    asyncio.run(sandbox.stop())


@pytest.fixture(autouse=True)
def _no_leaked_processes(request: pytest.FixtureRequest) -> Generator[None]:  # pyright: ignore[reportUnusedFunction]  # pytest uses it
    """Let the sandbox that tests of a module share start processes when it needs them."""
    with nullcontext() if "ask" in request.fixturenames else watching_processes():
        yield


@pytest.fixture(scope="module")
def ask() -> Iterator[Asker]:
    """Return a sandbox shared by the tests of a module, which kill none of its processes."""
    with watching_processes():
        yield from _started(Limits(strikes=1_000_000))


@pytest.fixture
def patient_ask() -> Iterator[Asker]:
    """Return a sandbox of this test alone, which judges every script, however many are bad."""
    yield from _started(Limits(program_ms=60_000, batch_ms=60_000))


@pytest.fixture
def ask_with_short_replies() -> Iterator[Asker]:
    """Return a sandbox of this test alone, which soon ends a frozen process of python."""
    yield from _started(Limits(engine_reply_ms=2_000))


@pytest.fixture
def fresh_ask() -> Iterator[Asker]:
    """Return a sandbox of this test alone, with the default limits."""
    yield from _started(Limits())
