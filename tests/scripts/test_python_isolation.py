"""Nothing of one call reaches another, and nothing of a script the machine."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING

import psutil
import pytest

from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from tests.scripts.conftest import call, outcomes

if TYPE_CHECKING:
    from tests.scripts.conftest import Asker

KEEPS_STATE = [
    "def check(data, ctx, seen=[]):\n    seen.append(1)\n    return len(seen) == 1",
    "lambda data, ctx, seen=set(): [len(seen) == 0, seen.add(1)][0]",
    "def check(data, ctx, *, seen={}):\n    return seen.setdefault('n', data['n']) == data['n']",
    (
        "def check(data, ctx):\n    class Memory:\n        seen = []\n"
        "    Memory.seen.append(data['n'])\n    return Memory.seen == [data['n']]"
    ),
    (
        "def check(data, ctx):\n    import functools\n    @functools.lru_cache\n    def first(x=0):\n"
        "        return data['n']\n    return first() == data['n']"
    ),
    (
        "def check(data, ctx):\n    import decimal\n    with decimal.localcontext() as context:\n"
        "        was = context.prec\n        context.prec = 3\n    return was == 28"
    ),
    (
        "def check(data, ctx):\n    data['list'].append(1)\n    ctx['deps'].append(1)\n"
        "    return len(data['list']) == 1 and len(ctx['deps']) == 1"
    ),
]


@pytest.mark.parametrize("source", KEEPS_STATE)
def test_R6_no_call_sees_anything_of_another(ask: Asker, source: str) -> None:
    """Not in its batch, and not in a later one."""
    calls = [call(source, {"n": n, "list": []}) for n in range(20)]
    for _ in range(2):
        answers = ask.all(calls)
        assert outcomes(answers) == ["true"] * 20, answers


@pytest.mark.parametrize(
    "source",
    [
        "def check(data, ctx):\n    import json\n    json.loads = lambda text: {}\n    return True",
        "def check(data, ctx):\n    import math\n    math.pi = 3\n    return True",
        "def check(data, ctx):\n    import re as module\n    module.memory = data\n    return True",
        "def check(data, ctx):\n    int.memory = data\n    return True",
        "def check(data, ctx):\n    check.memory = data\n    return True",
        "def check(data, ctx):\n    len.memory = data\n    return True",
    ],
)
def test_what_calls_share_cannot_be_changed(ask: Asker, source: str) -> None:
    assert ask(source).outcome == "error"


def test_the_sandbox_has_no_environment_and_cannot_open_files() -> None:
    """What the kernel can take from its process is taken before a script runs in it."""

    async def look() -> None:
        sandbox = create_sandbox(Limits(processes=1))
        before = set(psutil.Process().children())
        await sandbox.start()
        for script in ("True", "sum(range(10**10)) > 0"):  # in the process of the quarantine
            await sandbox.evaluate([call(script)])
        processes = set(psutil.Process().children()) - before
        assert processes
        for process in processes:
            assert process.environ() == {}
            for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
                assert resource.prlimit(process.pid, what) == (0, 0)
            assert resource.prlimit(process.pid, resource.RLIMIT_AS)[1] < 1 << 30
            cpu_s = resource.prlimit(process.pid, resource.RLIMIT_CPU)[0]
            assert 0 < cpu_s - sum(process.cpu_times()[:2]) < 10
        await sandbox.stop()

    asyncio.run(look())


def test_stopping_ends_every_process_and_answers_what_is_under_way() -> None:
    async def stop_in_mid_call() -> list[str]:
        sandbox = create_sandbox(Limits())
        await sandbox.start()
        assert outcomes(await sandbox.evaluate([call("True")])) == ["true"]
        assert psutil.Process().children()
        under_way = asyncio.create_task(sandbox.evaluate([call("sum(range(10**10)) > 0")]))
        await asyncio.sleep(0)
        await sandbox.stop()
        await sandbox.stop()  # a second time does nothing
        return outcomes(await under_way)

    before = set(psutil.Process().children())
    assert asyncio.run(stop_in_mid_call()) == ["limit"]
    assert set(psutil.Process().children()) == before


def test_a_sandbox_that_is_not_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        asyncio.run(create_sandbox(Limits()).evaluate([call("True")]))
