"""The registry of topics is whole and says what the design says."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from schemas.topics import (
    DEAD_LETTERS,
    DEFINITIONS,
    EVENTS,
    RUNS_CHANGELOG,
    TOPICS,
    VERDICTS,
    Topic,
    topic_name,
)

DAY_MS = 86_400_000
EACH = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def test_the_topics_and_their_order():
    assert [topic.name for topic in TOPICS] == [
        "flow-events.v1",
        "flow-definitions.v1",
        "flow-verdicts.v1",
        "flow-dead-letters.v1",
        "{app_id}-runs-changelog",
    ]


@EACH
def test_each_topic_says_what_it_carries_who_writes_and_who_reads_it(topic: Topic):
    assert topic.description.endswith(".")
    assert topic.key
    assert topic.producers
    assert topic.consumers


@EACH
def test_each_topic_but_the_changelog_has_a_model(topic: Topic):
    if topic is RUNS_CHANGELOG:
        assert topic.value is None
    else:
        assert topic.value is not None
        assert issubclass(topic.value, BaseModel)


@EACH
def test_each_topic_takes_batches_as_they_come_up_to_2_mib(topic: Topic):
    config = topic.config()
    assert config["compression.type"] == "producer"
    assert config["max.message.bytes"] == "2097152"


@EACH
def test_settings_are_text_as_kafka_takes_them(topic: Topic):
    assert all(isinstance(value, str) for value in topic.config(3).values())


@EACH
def test_records_go_by_age_or_by_key(topic: Topic):
    config = topic.config()
    assert ("retention.ms" in config) == (config["cleanup.policy"] == "delete")


@EACH
@pytest.mark.parametrize(
    ("replication", "expected"), [(-1, None), (1, None), (2, None), (3, "2"), (5, "2")]
)
def test_two_replicas_acknowledge_where_there_are_three(
    topic: Topic, replication: int, expected: str | None
):
    assert topic.config(replication).get("min.insync.replicas") == expected


@pytest.mark.parametrize(
    ("topic", "days"),
    [(EVENTS, 7), (VERDICTS, 30), (DEAD_LETTERS, 30)],
    ids=lambda it: str(it)[:20],
)
def test_retention(topic: Topic, days: int):
    assert topic.config()["retention.ms"] == str(days * DAY_MS)


def test_the_broker_stamps_events_and_definitions_only():
    stamped = [
        topic for topic in TOPICS if topic.config().get("message.timestamp.type") == "LogAppendTime"
    ]
    assert stamped == [EVENTS, DEFINITIONS]
    assert [topic for topic in TOPICS if topic.log_append_time] == stamped


def test_definitions_and_runs_are_kept_by_key():
    assert [t for t in TOPICS if t.cleanup_policy == "compact"] == [DEFINITIONS, RUNS_CHANGELOG]


def test_the_changelog_is_compacted_soon():
    config = RUNS_CHANGELOG.config()
    assert config["segment.ms"] == str(6 * 3_600_000)
    assert config["min.cleanable.dirty.ratio"] == "0.1"


def test_events_verdicts_and_changelog_have_equally_many_partitions():
    counts = {topic.name: topic.partition_count(12) for topic in TOPICS}
    assert counts.pop(DEFINITIONS.name) == 1
    assert set(counts.values()) == {12}


def test_a_prefix_parts_tenants():
    assert topic_name(EVENTS.name, "acme.") == "acme.flow-events.v1"
    assert topic_name(EVENTS.name) == "flow-events.v1"


def test_the_changelog_is_named_by_the_app_id_alone():
    assert topic_name(RUNS_CHANGELOG.name, "acme.", app_id="judge") == "judge-runs-changelog"
    assert topic_name(RUNS_CHANGELOG.name) == "duly-runs-changelog"


def test_a_config_is_a_copy():
    EVENTS.config()["retention.ms"] = "1"
    assert EVENTS.config()["retention.ms"] == str(7 * DAY_MS)
