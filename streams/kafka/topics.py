"""Topics at the start of a worker: missing ones are created, unsuitable ones refused.

An existing topic is never changed: its partition count and its clock are promises to all that
wrote to it before.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import BROKER_DEFAULT_REPLICATION, TOPICS, Topic, topic_name
from streams.errors import BrokerError, TopicMismatch
from streams.kafka.broker_errors import unreachable
from streams.kafka.client import client_options
from streams.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from streams.settings.kafka import KafkaSettings

log = get_logger(__name__)

REQUEST_TIMEOUT_MS = 10_000
VISIBLE_AFTER_TRIES = 25
TRY_INTERVAL_S = 0.2
"""A new topic is known to every broker of a cluster only after a while."""
TIMESTAMP_TYPE = "message.timestamp.type"


class Found(NamedTuple):
    """A topic as the broker has it."""

    partitions: int
    replication: int
    """Replicas of the partition that has the fewest."""
    config: Mapping[str, str]


def full_name(topic: Topic, settings: KafkaSettings) -> str:
    """Return the name of a topic on the broker."""
    return topic_name(topic.name, settings.topic_prefix, app_id=settings.app_id)


async def ensure_topics(settings: KafkaSettings) -> list[str]:
    """Create missing topics, check all, and return the names of those created.

    Raises:
        BrokerUnavailable: nobody answers at `DULY_BROKER`, or it refuses us.
        TopicMismatch: a topic exists with settings that would judge runs wrongly.
    """
    async with admin_client(settings) as admin:
        found = await describe_topics(admin, settings)
        missing = [topic for topic in TOPICS if full_name(topic, settings) not in found]
        created: list[str] = []
        if missing:
            created = await _create(admin, missing, settings)
            found = await _describe_all(admin, settings)
    check_topics(found, settings)
    return created


def check_topics(found: Mapping[str, Found], settings: KafkaSettings) -> None:
    """Check topics against the registry.

    Raises:
        TopicMismatch: names every topic that is wrong, why, and what to do.
    """
    problems = [
        problem
        for topic in TOPICS
        if (problem := why_refused(topic, found.get(full_name(topic, settings)), settings))
    ]
    if problems:
        raise TopicMismatch("\n".join(problems))


def why_refused(topic: Topic, found: Found | None, settings: KafkaSettings) -> str | None:
    """Return why a worker refuses a topic and what to do, or None if it does not."""
    name = full_name(topic, settings)
    if found is None:
        return f"{name}: the broker did not create it; create it with `duly topics apply`"
    expected = topic.partition_count(settings.partitions)
    if found.partitions != expected:
        advice = (
            f"set DULY_PARTITIONS={found.partitions}, or use another DULY_TOPIC_PREFIX and "
            "DULY_APP_ID"
            if topic.partitions == "settings"
            else "it must be created anew"
        )
        return f"{name}: has {found.partitions} partitions, this worker needs {expected}: {advice}"
    stamped = found.config.get(TIMESTAMP_TYPE)
    if topic.log_append_time and stamped != "LogAppendTime" and not settings.allow_create_time:
        return (
            f"{name}: {TIMESTAMP_TYPE} is {stamped}, deadlines need LogAppendTime: set it with "
            "kafka-configs (records from before keep their producers' times), or use a new topic"
        )
    return None


@asynccontextmanager
async def admin_client(settings: KafkaSettings) -> AsyncGenerator[AIOKafkaAdminClient]:
    """Connect an admin client.

    Raises:
        BrokerUnavailable: nobody answers at `DULY_BROKER`, or it refuses us.
    """
    admin = AIOKafkaAdminClient(
        **client_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS, client_id="duly-topics"
    )
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        raise unreachable(error, settings) from error
    finally:
        await admin.close()


async def describe_topics(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> dict[str, Found]:
    """Return those of our topics that the broker has, by their full names."""
    ours = {full_name(topic, settings) for topic in TOPICS}
    names = sorted(ours & set(await admin.list_topics()))
    if not names:
        return {}
    described = await admin.describe_topics(names)
    config = await _topic_config(admin, names)
    return {
        name: Found(
            len(partitions),
            min(len(partition["replicas"]) for partition in partitions),
            config.get(name, {}),
        )
        for name, partitions in ((topic["topic"], topic["partitions"]) for topic in described)
    }


async def _describe_all(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> dict[str, Found]:
    """Describe the topics once every one is known to the broker that answers, or time is up."""
    found: dict[str, Found] = {}
    for _ in range(VISIBLE_AFTER_TRIES):
        found = await describe_topics(admin, settings)
        if len(found) == len(TOPICS):
            break
        await asyncio.sleep(TRY_INTERVAL_S)
    return found


async def _topic_config(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    config: dict[str, dict[str, str]] = {}
    responses: list[Any] = await admin.describe_configs(resources)
    for response in responses:
        for _code, _message, _kind, name, entries in response.resources:
            config[name] = {entry[0]: entry[1] for entry in entries}
    return config


async def _create(
    admin: AIOKafkaAdminClient, missing: list[Topic], settings: KafkaSettings
) -> list[str]:
    replication = await new_replication(admin, settings)
    response: Any = await admin.create_topics(
        [
            NewTopic(
                full_name(topic, settings),
                topic.partition_count(settings.partitions),
                replication,
                topic_configs=topic.config(replication),
            )
            for topic in missing
        ]
    )
    created: list[str] = []
    for name, code, message in response.topic_errors:
        error = for_code(code)
        if error is TopicAlreadyExistsError:
            continue  # another worker was quicker; what it made is checked like any other
        if code:
            raise BrokerError(f"{name}: cannot be created: {message or error.__name__}")
        log.info("topic created", topic=name)
        created.append(name)
    return created


async def new_replication(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> int:
    """Return how many replicas a new topic gets.

    DULY_REPLICATION, or the broker's `default.replication.factor`, which aiokafka cannot ask it
    to use.
    """
    if settings.replication != BROKER_DEFAULT_REPLICATION:
        return settings.replication
    broker = (await admin.describe_cluster())["brokers"][0]["node_id"]
    responses: list[Any] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.BROKER, str(broker))]
    )
    for *_about, entries in responses[0].resources:
        for name, value, *_more in entries:
            if name == "default.replication.factor":
                return int(value)
    return 1
