"""The worker judges a stream of events that holds more than good events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import producer_sdk
from producer_sdk import NodeCondition
from schemas.partitioning import murmur2_partition
from schemas.v1.dead_letter import DeadLetter
from tests.support.deployment import PARTITIONS
from tests.support.traffic import dead_letters, event, now_ns, run_on, service, subscriber

if TYPE_CHECKING:
    from tests.support.deployment import Deployment
    from tests.support.traffic import Service, Subscriber
    from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.xdist_group("e2e-shop")

FROZEN_S = 3.0

Shop = tuple["Deployment", "WorkerProcess"]


async def _pass_a_run(sender: Service, reader: Subscriber, run_id: str) -> None:
    """Send a whole run and wait for its verdict; all that stood before it is judged then."""
    start = now_ns()
    await sender.send(event("crate", "pack", run_id, start), event("crate", "seal", run_id, start))
    assert (await reader.verdict_of(run_id))["status"] == "passed"


async def test_an_event_that_comes_again_changes_nothing(shop: Shop):
    settings = shop[0].settings
    run_id = run_on(1, "twice", settings)
    pack, seal = (event("crate", node, run_id, now_ns()) for node in ("pack", "seal"))
    async with service(settings) as sender, subscriber(settings) as reader:
        # More than the two events that a crate may have, were they counted.
        await sender.send(pack, pack, pack | {"data": {"other": "content"}}, seal, seal, pack)
        await _pass_a_run(sender, reader, run_on(1, "after-twice", settings))

    (verdict,) = reader.verdicts[run_id]
    assert verdict["status"] == "passed"
    assert [len(node["event_ids"]) for node in verdict["nodes"]] == [1, 1]


@pytest.mark.parametrize(
    ("reason", "value", "key", "partition"),
    [
        pytest.param("not_json", b"\x00\xff garbage", b"any", 0, id="garbage"),
        pytest.param("not_json", None, None, 1, id="nothing at all"),
        pytest.param("invalid_event", b'{"node":"cart"}', b"any", 2, id="half an event"),
        pytest.param("wrong_key", "event", b"other", 3, id="another key"),
        pytest.param("wrong_key", "event", None, 0, id="no key"),
        pytest.param("wrong_partition", "event", b"stray", "elsewhere", id="another partition"),
    ],
)
async def test_what_is_no_event_becomes_a_dead_letter_and_the_stream_goes_on(
    shop: Shop, reason: str, value: Any, key: bytes | None, partition: Any
):
    settings = shop[0].settings
    if value == "event":
        value = orjson.dumps(event("crate", "pack", "stray", now_ns()))
    if partition == "elsewhere":
        partition = (murmur2_partition(b"stray", PARTITIONS) + 1) % PARTITIONS

    async with (
        service(settings) as sender,
        subscriber(settings) as reader,
        dead_letters(settings) as letters,
    ):
        offset = await sender.send_bytes(value, key=key, partition=partition)
        await _pass_a_run(sender, reader, run_on(partition, f"after-{offset}", settings))
        found = await letters.letter_of(partition, offset)

    assert DeadLetter.from_headers(found.headers).reason == reason
    assert (found.key, found.value) == (key, value)
    assert ("sent-by", b"a stranger") in found.headers
    assert "stray" not in reader.verdicts


async def test_deadlines_fire_in_the_silence_after_a_transaction(shop: Shop):
    """Markers of transactions take offsets that no consumer is given."""
    settings = shop[0].settings
    kept = [run_on(partition, "committed", settings) for partition in range(PARTITIONS)]
    dropped = [run_on(partition, "aborted", settings) for partition in range(PARTITIONS)]
    async with (
        service(settings, transactional_id=settings.app_id) as sender,
        subscriber(settings) as reader,
    ):
        for run_ids, outcome in ((kept, "commit"), (dropped, "abort")):
            await sender.producer.begin_transaction()
            for run_id in run_ids:
                await sender.send(*_paid(run_id))
            if outcome == "abort":  # what would keep the deadlines, had it happened
                await sender.send(*(event("shop", "ship", run_id, now_ns()) for run_id in kept))
            await getattr(sender.producer, f"{outcome}_transaction")()
        verdicts = [await reader.verdict_of(run_id) for run_id in kept]

    assert {verdict["trigger"] for verdict in verdicts} == {"deadline"}
    assert {verdict["causes"][0]["kind"] for verdict in verdicts} == {"timeout"}
    assert not any(reader.verdicts[run_id] for run_id in dropped)


async def test_a_worker_that_stands_still_raises_no_false_alarm(shop: Shop):
    """The deadlines pass while it is frozen; what prevents them is in the log by then."""
    deployment, worker = shop
    settings = deployment.settings
    run_ids = [run_on(partition, "frozen", settings) for partition in range(PARTITIONS)]
    async with service(settings) as sender, subscriber(settings) as reader:
        for run_id in run_ids:
            await sender.send(*_paid(run_id))
        with worker.frozen():
            await sender.send(*(event("shop", "ship", run_id, now_ns()) for run_id in run_ids))
            time.sleep(FROZEN_S)  # noqa: ASYNC251  # the time that passes is what is tested
        verdicts = [await reader.verdict_of(run_id) for run_id in run_ids]

    assert [(verdict["status"], verdict["revision"]) for verdict in verdicts] == [
        ("passed", 1)
    ] * PARTITIONS


def _paid(run_id: str) -> list[dict[str, Any]]:
    """Return a run of which `ship` is due a second later."""
    start = now_ns()
    return [
        event("shop", "cart", run_id, start, data={"total": 60}),
        event("shop", "pay", run_id, start + 1, data={"amount": 60}),
    ]


async def test_a_call_of_the_sdk_becomes_a_verdict(shop: Shop):
    settings = shop[0].settings
    producer_sdk.initialize(settings.broker, topic_prefix=settings.topic_prefix)
    try:
        producer_sdk.act("lend", "library", "book-1", {"days": 14})
        producer_sdk.ensure(
            "return",
            "library",
            "book-1",
            {"days": 15},
            dep_ids=["lend"],
            conditions=[NodeCondition(timeout_ms=60_000)],
            validator=lambda data, ctx: data["days"] <= ctx["deps"][0]["data"]["days"],
        )
        assert producer_sdk.flush()
    finally:
        producer_sdk.shutdown()
    async with subscriber(settings) as reader:
        verdict = await reader.verdict_of("book-1")

    assert verdict["status"] == "failed"
    assert verdict["learned"]
    (cause,) = verdict["causes"]
    assert (cause["node"], cause["kind"]) == ("return", "validator")


async def test_the_audit_finds_all_of_it_sound(shop: Shop):
    """Last in this file: all that the worker was given in the tests before is judged anew."""
    deployment, _ = shop
    settings = deployment.settings
    async with service(settings) as sender, subscriber(settings) as reader:
        await _pass_a_run(sender, reader, "audited")
        await reader.read_to_end()
    said = {verdict["verdict_id"] for run in reader.verdicts.values() for verdict in run}
    code, findings = deployment.audit()
    assert findings["examples"] == []
    assert findings["sound"]
    assert code == 0
    # It has looked at all of them, not just found nothing wrong with some.
    assert sum(found["implied"] for found in findings["partitions"]) == len(said)
