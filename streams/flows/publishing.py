"""Publishes definitions, and finds published or learned ones, in the definitions topic."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer

from schemas.encoding import encode_json
from schemas.limits import VERSION
from schemas.topics import DEFINITIONS
from streams.cli.kafka import broker_errors, newest_records
from streams.engine.definitions.registry import SETTLED_NS, published_version
from streams.errors import NotThere
from streams.kafka.client import client_options
from streams.kafka.topics import full_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streams.cli.kafka import Stored
    from streams.flows.files import FlowFile
    from streams.settings.kafka import KafkaSettings


class Published(NamedTuple):
    """A definition that is in force."""

    flow: str
    version: str
    is_new: bool
    """Whether it was published just now, and not before."""


class Found(NamedTuple):
    """A definition in the topic."""

    origin: str
    """Where it comes from, for people."""
    definition: dict[str, Any]


async def publish(files: Sequence[FlowFile], settings: KafkaSettings) -> list[Published]:
    """Publish definitions and return when all of them are in force (R17).

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
            for file in files:
                version = published_version(file.definition)
                is_new = _version_of(stored.get(file.flow.encode())) != version
                if is_new:
                    await _send(producer, file, version, settings)
                published.append(Published(file.flow, version, is_new))
        finally:
            await producer.stop()
    await asyncio.sleep(_rest_s(published, stored))
    return published


async def find_definition(flow: str, version: str | None, settings: KafkaSettings) -> Found:
    """Return a flow's newest definition or one of its versions, or what was learned of it.

    Raises:
        NotThere: the topic does not hold it.
        BrokerUnavailable: the broker cannot be reached.
        NoTopic: there is no definitions topic.
    """
    stored = await newest_records(DEFINITIONS, settings)
    record = stored.get(flow.encode() if version is None else f"{flow}@{version}".encode())
    if record is not None:
        return _found(orjson.loads(record.value), record.timestamp_ms)
    learned = _learned(flow, stored)
    if version is None and learned is not None:
        return learned
    raise NotThere(_not_there(flow, version, stored))


async def _send(producer: Any, file: FlowFile, version: str, settings: KafkaSettings) -> None:
    """Write a definition under its two keys and return when both are acknowledged."""
    record: dict[str, Any] = {"v": VERSION, "kind": "published", "version": version, "options": {}}
    value = encode_json(record | file.definition)
    for key in (f"{file.flow}@{version}", file.flow):
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


def _found(record: dict[str, Any], timestamp_ms: int) -> Found:
    since = datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(" ", "seconds")
    origin = f"{record['flow']}@{record['version']}, published {since}"
    if record["kind"] == "snapshot":
        origin = f"{record['flow']}@{record['version']}, with what runs learned by {since}"
    nodes = {node["id"]: node for node in record.get("learned_nodes", ())}
    for node in record["nodes"]:
        nodes[node["id"]] = {**nodes.get(node["id"], {}), **node}
    options = {**record.get("learned_options", {}), **record.get("options", {})}
    return Found(origin, _definition(record["flow"], options, nodes))


def _learned(flow: str, stored: Mapping[bytes, Stored]) -> Found | None:
    """Return what events taught of a flow."""
    options: dict[str, Any] = {}
    nodes: dict[str, Any] = {}
    prefix = f"{flow}/".encode()
    for key, (value, _) in stored.items():
        if key.startswith(prefix):
            record = orjson.loads(value)
            nodes[record["node"]["id"]] = record["node"]
            options |= record.get("options", {})
    if not nodes:
        return None
    return Found(
        f"{flow}, learned from events: nobody published it", _definition(flow, options, nodes)
    )


def _definition(flow: str, options: Any, nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"flow": flow, "options": options, "nodes": list(nodes.values())}


def _not_there(flow: str, version: str | None, stored: Mapping[bytes, Stored]) -> str:
    keys = [key.decode() for key in stored]
    if version is not None:
        versions = [key.partition("@")[2] for key in keys if key.startswith(f"{flow}@")]
        return f"flow {flow!r} has no version {version!r}; known: {', '.join(versions) or 'none'}"
    flows = sorted({re.split("[@/]", key)[0] for key in keys})
    return f"no flow {flow!r} is known; known: {', '.join(flows) or 'none'}"
