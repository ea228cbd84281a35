"""Topics: created when missing, checked when there, never changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import NewTopic

from schemas.topics import EVENTS, TOPICS
from streams.errors import BrokerUnavailable, TopicMismatch
from streams.kafka.topics import (
    Found,
    admin_client,
    check_topics,
    describe_topics,
    ensure_topics,
    full_name,
)
from streams.settings.kafka import KafkaSettings

if TYPE_CHECKING:
    from tests.support.shared_kafka import SharedKafka

SETTINGS = KafkaSettings(partitions=4, topic_prefix="eu-", app_id="shop")
NAMES = [
    "eu-flow-events.v1",
    "eu-flow-definitions.v1",
    "eu-flow-verdicts.v1",
    "eu-flow-dead-letters.v1",
    "shop-runs-changelog",
]


@pytest.fixture
def found() -> dict[str, Found]:
    return {
        full_name(topic, SETTINGS): Found(topic.partition_count(4), 1, topic.config())
        for topic in TOPICS
    }


def test_topics_bear_the_prefix_and_the_changelog_the_app_id() -> None:
    assert [full_name(topic, SETTINGS) for topic in TOPICS] == NAMES


def test_topics_as_declared_are_right(found: dict[str, Found]) -> None:
    check_topics(found, SETTINGS)


@pytest.mark.parametrize("name", NAMES)
def test_a_topic_with_another_partition_count_is_refused(
    found: dict[str, Found], name: str
) -> None:
    found[name] = found[name]._replace(partitions=7)
    with pytest.raises(TopicMismatch, match=f"{name}: has 7 partitions"):
        check_topics(found, SETTINGS)


@pytest.mark.parametrize("name", NAMES[:2])
def test_R13_R17_a_topic_whose_time_matters_needs_log_append_time(
    found: dict[str, Found], name: str
) -> None:
    config = {**found[name].config, "message.timestamp.type": "CreateTime"}
    found[name] = found[name]._replace(config=config)
    with pytest.raises(TopicMismatch, match=f"{name}: .*LogAppendTime"):
        check_topics(found, SETTINGS)
    check_topics(found, SETTINGS.model_copy(update={"allow_create_time": True}))


@pytest.mark.parametrize("name", NAMES)
def test_a_topic_that_is_still_missing_is_refused(found: dict[str, Found], name: str) -> None:
    del found[name]
    with pytest.raises(TopicMismatch, match=f"{name}: the broker did not create it"):
        check_topics(found, SETTINGS)


def test_every_wrong_topic_is_named_at_once(found: dict[str, Found]) -> None:
    del found[NAMES[0]], found[NAMES[4]]
    with pytest.raises(TopicMismatch) as refused:
        check_topics(found, SETTINGS)
    assert NAMES[0] in str(refused.value)
    assert NAMES[4] in str(refused.value)


@pytest.fixture
def settings(kafka: SharedKafka, topic_prefix: str) -> KafkaSettings:
    return KafkaSettings(
        broker=kafka.bootstrap, topic_prefix=topic_prefix, app_id=f"{topic_prefix}app", partitions=2
    )


async def test_missing_topics_are_created_as_declared_and_only_once(
    settings: KafkaSettings,
) -> None:
    created = await ensure_topics(settings)
    assert created == [full_name(topic, settings) for topic in TOPICS]
    assert await ensure_topics(settings) == []


async def test_a_topic_that_is_there_is_left_as_it_is(settings: KafkaSettings) -> None:
    name = full_name(EVENTS, settings)
    config = EVENTS.config() | {"retention.ms": "12345678"}
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic(name, 2, 1, topic_configs=config)])
    created = await ensure_topics(settings)
    assert name not in created
    async with admin_client(settings) as admin:
        described = await describe_topics(admin, settings)
    assert described[name].config["retention.ms"] == "12345678"
    for topic in TOPICS:
        if topic is not EVENTS:
            found = described[full_name(topic, settings)]
            assert topic.config().items() <= found.config.items()
            assert found.partitions == topic.partition_count(2)


async def test_two_workers_may_create_at_the_same_time(settings: KafkaSettings) -> None:
    created = await asyncio.gather(ensure_topics(settings), ensure_topics(settings))
    assert sorted(created[0] + created[1]) == sorted(full_name(topic, settings) for topic in TOPICS)


async def test_nobody_at_the_address_is_said_with_the_address_and_what_to_look_at() -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 .*DULY_BROKER"):
        await ensure_topics(KafkaSettings(broker="127.0.0.1:1"))
