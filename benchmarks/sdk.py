"""Cost of the SDK in the service that calls it, and its throughput.

`python -m benchmarks.sdk` prints these tables alone.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from benchmarks.business_use import business_use_act
from producer_sdk import act, flush, initialize, shutdown, stats
from schemas.topics import EVENTS
from streams.dev_broker import APACHE_KINDS, start_broker
from tests.support.installed_deployment import InstalledDeployment
from tests.support.report import print_table
from tests.support.standard_job import definition

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.report import Row

CALLS = 20_000
REPEATS = 7
"""Each figure of a call is the best of so many: what others on the machine take is not ours."""

THREADS = 16
SUSTAINED_EVENTS = 300_000
PACED_PER_SECOND = 10_000
PACED_SECONDS = 10.0

CALL_TITLE = "SDK, what a call costs its thread"
DELIVERY_TITLE = "SDK, delivery to Kafka"
_STEP_S = 0.001
_DATA = {"items": 3, "amount": 1999, "currency": "EUR", "customer": "c-1234567"}
_FLUSH_S = 120.0


async def measure_sdk(bootstrap: str) -> dict[str, list[Row]]:
    """Return the tables: the cost of a call, and delivery to a topic of its own."""
    return await asyncio.to_thread(_measure, bootstrap)


def _measure(bootstrap: str) -> dict[str, list[Row]]:
    deployment = InstalledDeployment(bootstrap, definition(0))
    deployment.prepare()
    prefix = deployment.events.removesuffix(EVENTS.name)
    initialize(bootstrap, topic_prefix=prefix, max_queue_events=1_000_000, max_queue_bytes=1 << 30)
    try:
        _act()
        _must_flush()  # connected
        delivery = [_threads(), _sustained(), _paced()]
        # Last, as the thread of the other SDK outlives its shutdown.
        tables = {CALL_TITLE: _calls(), DELIVERY_TITLE: delivery}
        if stats().delivered != stats().recorded:
            raise RuntimeError(f"not all was delivered: {stats()}")
        return tables
    finally:
        shutdown()


def _calls() -> list[Row]:
    bare: queue.Queue[bytes] = queue.Queue()
    value = b"x" * 300
    return [
        _cost("queue.put of 300 bytes", lambda: bare.put(value)),
        _cost("act()", _act),
        _cost("act() with a validator that is a lambda", _act_with_lambda),
        *_business_use(),
    ]


def _business_use() -> list[Row]:
    with business_use_act() as their_act:
        if their_act is None:
            return []
        return [
            _cost(
                "act() of the Business-Use SDK",
                lambda: their_act(id="cart", flow="checkout", run_id="order-1", data=_DATA),
            )
        ]


def _cost(what: str, call: Callable[[], None]) -> Row:
    """Time calls, by the wall and by the CPU time of the calling thread."""
    wall_s = cpu_s = float("inf")
    for _ in range(REPEATS):
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        for _ in range(CALLS):
            call()
        wall_s = min(wall_s, time.perf_counter() - began_s)
        cpu_s = min(cpu_s, time.thread_time() - began_cpu_s)
        _must_flush()
    return {
        "measured": what,
        "CPU µs a call": round(cpu_s / CALLS * 1e6, 2),
        "wall µs a call": round(wall_s / CALLS * 1e6, 2),
    }


def _threads() -> Row:
    one = max(_calls_per_second(1) for _ in range(REPEATS))
    many = max(_calls_per_second(THREADS) for _ in range(REPEATS))
    return _row(f"calls of {THREADS} threads, of one's", many, ratio=many / one)


def _calls_per_second(threads: int) -> float:
    begin = threading.Barrier(threads + 1)

    def record() -> None:
        begin.wait()
        for _ in range(CALLS * 2 // threads):
            _act()

    running = [threading.Thread(target=record) for _ in range(threads)]
    for thread in running:
        thread.start()
    begin.wait()
    began_s = time.perf_counter()
    for thread in running:
        thread.join()
    took_s = time.perf_counter() - began_s
    _must_flush()
    return CALLS * 2 / took_s


def _sustained() -> Row:
    began_s = time.perf_counter()
    for number in range(SUSTAINED_EVENTS):
        act("cart", "checkout", f"order-{number % 10_000}", _DATA)
    _must_flush()
    took_s = time.perf_counter() - began_s
    return _row(
        "recorded as fast as it goes, until the last is acknowledged", SUSTAINED_EVENTS / took_s
    )


def _paced() -> Row:
    """Call at a steady rate, a few at each millisecond, and time every call by the wall."""
    took_ns: deque[int] = deque()
    per_step = int(PACED_PER_SECOND * _STEP_S)
    began_s = due_s = time.perf_counter()
    while due_s < began_s + PACED_SECONDS:
        for _ in range(per_step):
            before_ns = time.perf_counter_ns()
            _act()
            took_ns.append(time.perf_counter_ns() - before_ns)
        due_s += _STEP_S
        time.sleep(max(0.0, due_s - time.perf_counter()))
    rate = len(took_ns) / (time.perf_counter() - began_s)
    _must_flush()
    ordered = sorted(took_ns)
    p50, p999 = (ordered[len(ordered) * share // 1000] / 1e3 for share in (500, 999))
    return _row("paced calls", rate, p50_us=p50, p999_us=p999)


def _row(
    what: str,
    per_second: float,
    ratio: float | None = None,
    p50_us: float | None = None,
    p999_us: float | None = None,
) -> Row:
    return {
        "measured": what,
        "events/s": round(per_second),
        "ratio": None if ratio is None else round(ratio, 2),
        "p50 µs a call": None if p50_us is None else round(p50_us, 1),
        "p99.9 µs a call": None if p999_us is None else round(p999_us, 1),
    }


def _act() -> None:
    act("cart", "checkout", "order-1", _DATA)


def _act_with_lambda() -> None:
    act("cart", "checkout", "order-1", _DATA, validator=lambda data, ctx: data["amount"] > 0)  # noqa: ARG005 -- a validator's signature


def _must_flush() -> None:
    if not flush(_FLUSH_S):
        raise RuntimeError("the broker took no events for two minutes")


def main() -> None:
    """Measure and print, on a Kafka of its own."""
    with start_broker(APACHE_KINDS) as broker:
        for title, rows in asyncio.run(measure_sdk(broker.bootstrap)).items():
            print_table(title, rows)


if __name__ == "__main__":
    main()
