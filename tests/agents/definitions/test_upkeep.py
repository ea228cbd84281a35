"""Upkeep of the definitions topic: used nodes are renewed, expired ones removed, nothing else is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas.ids import state_key
from schemas.topics import EVENTS
from streams.agents.definitions.upkeep import LOG_KEPT_NS, DefinitionsUpkeep
from streams.engine.definitions.history import DAY_NS
from streams.kafka.rows import OutRecord
from tests.engine.driver import START_NS, Log, event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.kafka.rows import Row


class Topic:
    """The definitions topic, of which the registry reads all that is written."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.written: list[tuple[str, int, list[OutRecord]]] = []

    async def append(self, topic: str, partition: int, records: Iterable[Row]) -> Any:
        listed = [OutRecord(*record) for record in records]
        self.written.append((topic, partition, listed))
        for record in listed:
            assert record.key is not None
            self._log.definitions.add(record.key, record.value, self._log.stream_time_ns)


def _two_days_later(*, at_rest: bool) -> tuple[Log, Topic, DefinitionsUpkeep]:
    """Return a learned flow of `a` and `b`, of which only `a` came in the last run."""
    log = Log()
    log.come(event("a", 0, options={"window_ms": 1_000}), event("b", 1))
    log.run_on()
    later = 2 * DAY_NS // 1_000_000
    log.come(event("a", later, run="r2"))
    if at_rest:
        log.run_on(later + 60_000)
    runs = [(key, run) for key, run in log.partition.runs.items() if key == state_key("f", "r2")]
    assert (log.live("f", "r2") is None) == at_rest
    topic = Topic(log)
    upkeep = DefinitionsUpkeep("definitions", log.definitions, runs=lambda: runs, appender=topic)
    return log, topic, upkeep


async def _is_said_again(*, at_rest: bool) -> None:
    log, topic, upkeep = _two_days_later(at_rest=at_rest)
    await upkeep.run_upkeep()
    ((name, partition, records),) = topic.written
    assert (name, partition) == ("definitions", 0)
    assert [record.key for record in records] == [b"f/a"]
    assert orjson.loads(records[0].value or b"")["since_ns"] == START_NS
    await upkeep.run_upkeep()
    assert len(topic.written) == 1, "what was read back is not written again"
    assert set(log.definitions.at("f", START_NS + 31 * DAY_NS).learned) == {"a"}


async def test_a_node_that_came_in_an_open_run_is_said_again():
    await _is_said_again(at_rest=False)


async def test_a_node_that_came_in_a_closed_run_is_said_again():
    """Its run is not decoded for that."""
    await _is_said_again(at_rest=True)


async def test_what_is_over_is_removed():
    log, topic, upkeep = _two_days_later(at_rest=False)
    log.definitions.at("f", START_NS + 60 * DAY_NS)
    await upkeep.run_upkeep()
    ((_, _, records),) = topic.written
    assert {record.key for record in records if record.value is None} >= {b"f/a", b"f/b"}


async def test_where_nothing_is_due_nothing_is_written():
    log = Log()
    log.come(event("a", 0))
    topic = Topic(log)
    upkeep = DefinitionsUpkeep("definitions", log.definitions, runs=list, appender=topic)
    await upkeep.run_upkeep()
    assert topic.written == []


def test_the_log_is_kept_for_as_long_as_its_topic_says():
    assert LOG_KEPT_NS == (EVENTS.retention_ms or 0) * 1_000_000 > 0
