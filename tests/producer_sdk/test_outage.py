"""A broker that goes away and comes back: within the bound of the queue, nothing is lost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from producer_sdk import act, flush, initialize, stats
from producer_sdk._transport import kafka_transport
from tests.producer_sdk.events_topic import EventsTopic

if TYPE_CHECKING:
    from streams.dev_broker import Broker
    from tests.producer_sdk.events_topic import Read

    Event = dict[str, Any]

RUNS = 7


def record(numbers: range) -> None:
    for number in numbers:
        act(f"step-{number}", "checkout", f"order-{number % RUNS}")


def assert_all_arrived(topic: EventsTopic, count: int, *, repeated: int = 0) -> None:
    """Check that each run has all its events in order; a reader drops repeated event ids."""
    ids: set[str] = set()
    steps: dict[bytes, list[int]] = {}
    records = topic.read_all()
    for item in records:
        if item.event["event_id"] not in ids:
            ids.add(item.event["event_id"])
            steps.setdefault(item.key, []).append(int(item.event["node"].removeprefix("step-")))
    assert sorted(number for run in steps.values() for number in run) == list(range(count))
    assert all(run == sorted(run) for run in steps.values())
    assert len(records) - len(ids) <= repeated


@pytest.mark.slow
def test_a_killed_broker_costs_nothing_once_it_is_back(
    own_kafka: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    topic = EventsTopic(own_kafka.bootstrap, "")
    topic.create()
    initialize(own_kafka.bootstrap)
    record(range(1_000))
    assert flush(30)
    own_kafka.kill()
    recorder = threading.Thread(target=record_slowly, args=(range(1_000, 6_000), 1_000))
    recorder.start()
    recorder.join()
    own_kafka.restart()
    assert flush(60)
    assert stats().delivered == stats().recorded == 6_000
    assert_all_arrived(topic, 6_000)


def record_slowly(numbers: range, per_second: int) -> None:
    """Record at a rate, as a service does while its broker is away."""
    start = time.monotonic()
    for done, number in enumerate(numbers):
        record(range(number, number + 1))
        time.sleep(max(0.0, start + done / per_second - time.monotonic()))


@pytest.mark.slow
def test_a_broker_that_stops_answering_is_left_and_what_it_took_is_sent_again(
    own_kafka: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kafka_transport, "_ACKNOWLEDGE_S", 1.0)
    topic = EventsTopic(own_kafka.bootstrap, "")
    topic.create()
    initialize(own_kafka.bootstrap)
    record(range(100))
    assert flush(30)
    own_kafka.pause()
    try:
        record(range(100, 1_000))
        assert not flush(3)
    finally:
        own_kafka.resume()
    assert flush(60)
    assert_all_arrived(topic, 1_000, repeated=900)
    assert "events are not delivered to Kafka" in caplog.text
    assert "events are delivered to Kafka" in caplog.text


@pytest.mark.slow
def test_an_outage_longer_than_the_queue_loses_the_oldest_and_counts_them(
    own_kafka: Broker,
) -> None:
    topic = EventsTopic(own_kafka.bootstrap, "")
    topic.create()
    initialize(own_kafka.bootstrap, max_queue_events=500)
    own_kafka.kill()
    record(range(2_000))
    own_kafka.restart()
    assert flush(60)
    while not split(topic.read_all())[0]:
        pass  # the report follows what was waiting, and a flush waits for no more than that
    assert flush(60)
    reports, others = split(topic.read_all())
    numbers = {int(event["node"].removeprefix("step-")) for event in others}
    final = stats()
    assert final.recorded == 2_000 + len(reports)
    assert final.delivered + final.dropped_queue_full == final.recorded
    assert len(numbers) + len(reports) == final.delivered >= 500
    assert set(range(1_500, 2_000)) <= numbers
    [report] = reports
    assert report["filter"] is False
    assert report["data"] == {
        "client_id": "duly-sdk",
        "dropped_queue_full": final.dropped_queue_full,
        "dropped_spool_full": 0,
    }


def split(records: list[Read]) -> tuple[list[Event], list[Event]]:
    """Part the reports of an overflow from the events of the host."""
    events = [record.event for record in records]
    return (
        [event for event in events if event["flow"] == "duly.sdk"],
        [event for event in events if event["flow"] != "duly.sdk"],
    )
