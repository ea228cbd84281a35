"""Cost of a script call: three validators in each engine, by how many events a batch has. No Kafka.

`python -m benchmarks.scripts` prints this table alone.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson

from streams.engine.script_calls import ScriptCall
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from tests.support.report import print_table

if TYPE_CHECKING:
    from streams.scripts.sandbox import Sandbox
    from tests.support.report import Row

BATCHES = (1, 10, 100, 1_000)
REPEATS = 7
"""Each figure is the best of so many: what others on the machine take is not ours."""

TITLE = "scripts, µs a call by the calls of a batch"

EQUALITY = "equality"
SUM = "sum over 20 dependencies"
TEXT = "regular expression and text"

VALIDATORS = {
    ("python", EQUALITY): 'data["amount"] == ctx["data"]["amount"]',
    ("python", SUM): 'sum(dep["data"]["price"] for dep in ctx["deps"]) == data["total"]',
    ("python", TEXT): (
        "def check(data, ctx):\n    import re\n"
        "    return re.fullmatch('[A-Z]{2}-[0-9]+', data['sku']) is not None"
        " and data['note'].strip().lower().startswith('paid')"
    ),
    ("cel", EQUALITY): "data.amount == ctx.data.amount",
    # The language has no sum: each of the 20 is looked at all the same.
    ("cel", SUM): "ctx.deps.all(dep, dep.data.price * 20 == data.total)",
    ("cel", TEXT): "data.sku.matches('^[A-Z]{2}-[0-9]+$') && data.note.startsWith('Paid')",
    ("js", EQUALITY): "data.amount === ctx.data.amount",
    ("js", SUM): "ctx.deps.reduce((sum, dep) => sum + dep.data.price, 0) === data.total",
    ("js", TEXT): (
        "/^[A-Z]{2}-[0-9]+$/.test(data.sku) && data.note.trim().toLowerCase().startsWith('paid')"
    ),
}

_DATA = {"amount": 42, "total": 100, "sku": "AB-1234", "note": "Paid in full"}
_DEPENDENCY = {"flow": "checkout", "id": "cart", "data": _DATA}
_PRICE = {"flow": "checkout", "id": "item", "data": {"price": 5}}

_ONE = {"deps": [_DEPENDENCY], "data": _DATA}
_TWENTY = {"deps": [_PRICE] * 20}


async def measure_scripts() -> list[Row]:
    """Return a row for each engine and validator: µs a call, by the calls of a batch."""
    sandbox = create_sandbox(Limits())
    await sandbox.start()
    try:
        return [
            {
                "measured": f"{engine}: {what}",
                **{f"batch of {size:,}": await _measure(sandbox, call, size) for size in BATCHES},
            }
            for (engine, what), source in VALIDATORS.items()
            for call in [_call(engine, source, _TWENTY if what == SUM else _ONE)]
        ]
    finally:
        await sandbox.stop()


def _call(engine: str, source: str, ctx: dict[str, Any]) -> ScriptCall:
    return ScriptCall(engine, source, "validator", orjson.dumps(_DATA), orjson.dumps(ctx))


async def _measure(sandbox: Sandbox, call: ScriptCall, size: int) -> float:
    """Return µs a call of batches of `size`.

    Raises:
        RuntimeError: a call was not answered `true`, so that something else was measured.
    """
    best_s = float("inf")
    for _ in range(REPEATS):
        began_s = time.perf_counter()
        answers = await sandbox.evaluate([call] * size)
        best_s = min(best_s, time.perf_counter() - began_s)
        if wrong := next((answer for answer in answers if answer.outcome != "true"), None):
            raise RuntimeError(f"{call.source!r}: {wrong}")
    return round(best_s / size * 1e6, 1)


if __name__ == "__main__":
    print_table(TITLE, asyncio.run(measure_scripts()))
