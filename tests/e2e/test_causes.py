"""Every kind of cause, from an event on Kafka to the verdict that names it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

import pytest

from schemas.units import NS_PER_MS
from schemas.v1.verdict import CauseKind, Verdict
from tests.support.traffic import event, now_ns, service, subscriber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.deployment import Deployment
    from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.xdist_group("e2e-shop")

CART = ("cart", 0, {"total": 60})
PAID = ("pay", 10, {"amount": 60})
BROKEN_SCRIPT = {"validator": {"engine": "python", "script": "data['amount' =="}}
NOTHING_MORE: Final[Mapping[str, Any]] = MappingProxyType({})
QUARTER_OF_A_MIB = {"text": "x" * 255_000}


class Case(NamedTuple):
    """A run that fails: its events as (node, ms after the first, data), and why."""

    kind: str
    flow: str
    steps: list[tuple[str, int, dict[str, Any]]]
    node: str
    message: str
    fields: Mapping[str, Any] = NOTHING_MORE
    """What the last event carries beside its data."""


CASES = [
    Case("validator", "shop", [CART, ("pay", 10, {"amount": 6})], "pay", "says that the event"),
    Case("validator_error", "shop", [CART, ("pay", 10, {})], "pay", "KeyError"),
    Case("filter_error", "shop", [CART, ("gift", 10, {"wrapped": "no"})], "gift", "no answer"),
    Case("dependency", "shop", [CART, ("ship", 20, {})], "ship", "came without pay"),
    Case("order", "shop", [CART, PAID, ("ship", -4_000, {})], "ship", "before pay"),
    Case("late", "shop", [CART, PAID, ("ship", 1_017, {})], "ship", "came 7 ms too late"),
    Case("timeout", "shop", [CART, PAID], "ship", "no event within 1 s after pay"),
    Case("branch", "till", [("open", 0, {}), ("card", 1, {}), ("cash", 2, {})], "cash", "beside"),
    Case("unknown_node", "till", [("open", 0, {}), ("cheque", 1, {})], "cheque", "cheque"),
    Case("too_many_events", "crate", [("pack", at, {}) for at in range(3)], "pack", "2"),
    Case("too_large", "heap", [("load", at, QUARTER_OF_A_MIB) for at in range(4)], "load", "KiB"),
    Case("definition", "any", [("check", 0, {"amount": 1})], "check", "line 1", BROKEN_SCRIPT),
]


def test_no_kind_of_cause_is_left_out():
    assert {case.kind for case in CASES} == set(get_args(CauseKind))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
async def test_a_run_fails_with_its_cause(shop: tuple[Deployment, WorkerProcess], case: Case):
    settings, start = shop[0].settings, now_ns()
    run_id = f"fails-by-{case.kind}"
    events = [
        event(case.flow, node, run_id, start + at * NS_PER_MS, data=data)
        for node, at, data in case.steps
    ]
    events[-1] |= case.fields

    async with service(settings) as sender, subscriber(settings) as reader:
        await sender.send(*events)
        verdict = await reader.verdict_of(run_id, lambda said: said["status"] == "failed")

    Verdict.model_validate(verdict)
    (cause,) = (cause for cause in verdict["causes"] if cause["node"] == case.node)
    assert cause["kind"] == case.kind
    assert case.message in cause["message"]


async def test_a_run_passes_at_the_event_that_completes_it(
    shop: tuple[Deployment, WorkerProcess],
):
    settings, start = shop[0].settings, now_ns()
    async with service(settings) as sender, subscriber(settings) as reader:
        for node, at, data in (CART, PAID, ("ship", 20, {})):
            happened = start + at * NS_PER_MS
            await sender.send(event("shop", node, "passes", happened, data=data))
        verdict = await reader.verdict_of("passes")

    assert (verdict["status"], verdict["revision"]) == ("passed", 1)
    assert verdict["trigger"] == "event"


async def test_a_run_that_stays_open_is_incomplete_when_its_window_closes(
    shop: tuple[Deployment, WorkerProcess],
):
    settings = shop[0].settings
    async with service(settings) as sender, subscriber(settings) as reader:
        await sender.send(event("shop", "cart", "given-up", now_ns()))
        verdict = await reader.verdict_of("given-up")

    assert (verdict["status"], verdict["trigger"]) == ("incomplete", "window")
    statuses = {node["node"]: node["status"] for node in verdict["nodes"]}
    assert (statuses["pay"], statuses["ship"]) == ("missing", "unreached")
