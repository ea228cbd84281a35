"""The definitions of a flow as the definitions topic holds them: published ones and learned ones."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from schemas.renamed import rename_record
from schemas.topics import DEFINITIONS
from streams.errors import NotFound
from streams.kafka.topic_reader import newest_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.kafka.topic_reader import Stored
    from streams.settings.kafka import KafkaSettings


class StoredDefinition(NamedTuple):
    """A definition in the topic, as given, and where it comes from, for people."""

    origin: str
    definition: dict[str, Any]


async def find_definition(
    flow: str, version: str | None, settings: KafkaSettings
) -> StoredDefinition:
    """Return the newest definition of a flow, or a version of it; else what events taught of it.

    Raises:
        NotFound: the topic does not hold it.
        BrokerUnavailable: the broker cannot be reached.
        NoTopic: there is no definitions topic.
    """
    stored = await newest_records(DEFINITIONS, settings)
    record = stored.get(flow.encode() if version is None else f"{flow}@{version}".encode())
    if record is not None:
        return _stored(rename_record(orjson.loads(record.value)), record.timestamp_ms)
    learned = _learned(flow, stored)
    if version is None and learned is not None:
        return learned
    raise NotFound(_unknown(flow, version, stored))


def _stored(record: dict[str, Any], timestamp_ms: int) -> StoredDefinition:
    since = datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(" ", "seconds")
    origin = f"{record['flow']}@{record['version']}, published {since}"
    if record["kind"] == "snapshot":
        origin = f"{record['flow']}@{record['version']}, with what runs learned by {since}"
    nodes = {node["id"]: node for node in record.get("learned_nodes", ())}
    for node in record["nodes"]:
        nodes[node["id"]] = {**nodes.get(node["id"], {}), **node}
    options = {**record.get("learned_options", {}), **record.get("options", {})}
    return StoredDefinition(origin, _definition(record["flow"], options, nodes))


def _learned(flow: str, stored: Mapping[bytes, Stored]) -> StoredDefinition | None:
    """Return what events taught of a flow."""
    options: dict[str, Any] = {}
    nodes: dict[str, Any] = {}
    prefix = f"{flow}/".encode()
    for key, (value, _) in stored.items():
        if key.startswith(prefix):
            record = rename_record(orjson.loads(value))
            nodes[record["node"]["id"]] = record["node"]
            options |= record.get("options", {})
    if not nodes:
        return None
    return StoredDefinition(
        f"{flow}, learned from events: nobody published it", _definition(flow, options, nodes)
    )


def _definition(flow: str, options: Any, nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"flow": flow, "options": options, "nodes": list(nodes.values())}


def _unknown(flow: str, version: str | None, stored: Mapping[bytes, Stored]) -> str:
    keys = [key.decode() for key in stored]
    if version is not None:
        versions = [key.partition("@")[2] for key in keys if key.startswith(f"{flow}@")]
        return f"flow {flow!r} has no version {version!r}; known: {', '.join(versions) or 'none'}"
    flows = sorted({re.split("[@/]", key)[0] for key in keys})
    return f"no flow {flow!r} is known; known: {', '.join(flows) or 'none'}"
