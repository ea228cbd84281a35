"""Publishes definitions to the definitions topic (R17)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer

from schemas.encoding import encode_json
from schemas.limits import VERSION
from schemas.topics import DEFINITIONS
from streams.engine.definitions.definition import published_version
from streams.engine.definitions.registry import SETTLED_NS
from streams.kafka.broker_errors import broker_errors
from streams.kafka.client import client_options
from streams.kafka.topic_reader import newest_records
from streams.kafka.topics import full_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streams.kafka.topic_reader import Stored
    from streams.settings.kafka import KafkaSettings


class Published(NamedTuple):
    """A definition that is in force; `is_new` if it was published just now, and not before."""

    flow: str
    version: str
    is_new: bool


async def publish(
    definitions: Sequence[Mapping[str, Any]], settings: KafkaSettings
) -> list[Published]:
    """Publish definitions, each of another flow, and return when all of them are in force (R17).

    What is the newest definition of its flow already is not published again.

    Args:
        definitions: checked ones, as given, without defaults; see `checks`.
        settings: the broker, and the names of its topics.

    Raises:
        BrokerUnavailable: the broker cannot be reached, or did not acknowledge.
        NoTopic: there is no definitions topic.
    """
    stored = await newest_records(DEFINITIONS, settings)
    published: list[Published] = []
    producer: Any = AIOKafkaProducer(
        **client_options(settings), acks="all", enable_idempotence=settings.idempotence
    )
    with broker_errors(settings):
        await producer.start()
        try:
            for definition in definitions:
                flow, version = definition["flow"], published_version(definition)
                is_new = _version_of(stored.get(flow.encode())) != version
                if is_new:
                    await _send(producer, definition, version, settings)
                published.append(Published(flow, version, is_new))
        finally:
            await producer.stop()
    await asyncio.sleep(_rest_s(published, stored))
    return published


async def _send(
    producer: Any, definition: Mapping[str, Any], version: str, settings: KafkaSettings
) -> None:
    """Write a definition under its two keys and return when both are acknowledged."""
    flow = definition["flow"]
    record: dict[str, Any] = {"v": VERSION, "kind": "published", "version": version, "options": {}}
    value = encode_json({**record, **definition})
    for key in (f"{flow}@{version}", flow):
        await producer.send_and_wait(
            full_name(DEFINITIONS, settings), value, key=key.encode(), partition=0
        )


def _version_of(stored: Stored | None) -> str | None:
    return None if stored is None else orjson.loads(stored.value)["version"]


def _rest_s(published: Iterable[Published], stored: Mapping[bytes, Stored]) -> float:
    """Return how long it takes, in seconds, until all of these definitions are in force."""
    settled_s = SETTLED_NS / 1e9
    if any(definition.is_new for definition in published):
        return settled_s  # since the acknowledgement, which came after the broker's timestamp
    newest_ms = max(stored[definition.flow.encode()].timestamp_ms for definition in published)
    return min(max(newest_ms / 1000 + settled_s - time.time(), 0), settled_s)
