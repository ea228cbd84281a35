"""The standard job, defined once: what every figure of throughput and latency is about.

Four partitions; events of about 300 bytes; four nodes a run (cart → pay → ship → deliver) with timeouts of 5 s and,
where a figure says so, one python validator on pay or one on each node after cart; 1 000 runs open at once; 1 % of the
runs lack their last event.
"""

from __future__ import annotations

import itertools
import random
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.encoding import encode_json
from schemas.partitioning import murmur2_partition

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS = 4
NODES = ("cart", "pay", "ship", "deliver")
TIMEOUT_MS = 5_000
OPEN_RUNS = 1_000
LAST_STEP = len(NODES) - 1
UNFINISHED = 0.01
VALIDATOR = 'data["amount"] == ctx["data"]["amount"]'
FLOW = "checkout"
NOTE = "n" * 60
"""Fills an event up to about 300 bytes."""


class JobEvent(NamedTuple):
    """One event of the job, as it is produced."""

    partition: int
    key: bytes
    value: bytes
    completes: bool
    """It is the last of its run: the verdict `passed` follows."""


def definition(
    validators: int, *, name: str = FLOW, timeout_ms: int = TIMEOUT_MS
) -> dict[str, Any]:
    """Return the flow of the job, with a validator on each of so many nodes after cart."""
    nodes: list[dict[str, Any]] = [
        {"id": node, "dep_ids": [NODES[place - 1]], "conditions": [{"timeout_ms": timeout_ms}]}
        if place
        else {"id": node}
        for place, node in enumerate(NODES)
    ]
    for node in nodes[1 : 1 + validators]:
        node["validator"] = {"engine": "python", "script": VALIDATOR}
    return {"flow": name, "nodes": nodes}


def events(
    count: int, now_ns: int, *, seed: int = 1, open_runs: int = OPEN_RUNS
) -> Iterator[JobEvent]:
    """Yield events of the job in the order in which services produce them, a microsecond apart, from `now_ns` on.

    Runs open steadily, each takes its next step when `open_runs` / 3 more have opened: of four events that follow each
    other, one opens a run and one completes another.
    """
    step_runs = open_runs // LAST_STEP
    draw = random.Random(seed).random
    prefix = uuid.uuid4().hex[:8]
    unfinished: set[int] = set()
    made = 0
    for opened in itertools.count():
        if draw() < UNFINISHED:
            unfinished.add(opened)
        for step in range(len(NODES)):
            run = opened - step * step_runs
            if run < 0 or (step == LAST_STEP and run in unfinished):
                unfinished.discard(run)
                continue
            if made == count:
                return
            yield make_event(f"order-{prefix}-{run:08d}", step, now_ns + made * 1_000)
            made += 1


def make_event(run_id: str, step: int, ts: int, *, flow: str = FLOW, note: str = NOTE) -> JobEvent:
    """Return the event of one step of a run."""
    content = {
        "v": 1,
        "event_id": str(uuid.uuid4()),
        "flow": flow,
        "node": NODES[step],
        "run_id": run_id,
        "type": "act",
        "ts": ts,
        "data": {"amount": 42, "currency": "EUR", "customer": "c-1234567", "note": note},
    }
    key = run_id.encode()
    partition = murmur2_partition(key, PARTITIONS)
    return JobEvent(partition, key, encode_json(content), completes=step == LAST_STEP)
