"""Records of the definitions topic: keys and values of learned nodes, published versions and snapshots (R14, R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas.errors import InvalidDefinition
from streams.engine.definitions.checks import check_definition
from streams.engine.definitions.definition import Definition, Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.engine.definitions.node import Given


def version_key(flow: str, version: str) -> bytes:
    """Return the key of the record that keeps a version."""
    return f"{flow}@{version}".encode()


def node_key(flow: str, node: str) -> bytes:
    """Return the key of the record of a learned node."""
    return f"{flow}/{node}".encode()


def learned_value(flow: str, node: Given, options: Given, since_ns: int | None = None) -> bytes:
    """Return the value of the record that teaches a node; `since_ns` says that it was taught then and still holds."""
    record: dict[str, Any] = {
        "v": 1,
        "kind": "learned",
        "flow": flow,
        "node": dict(node),
        "options": dict(options),
    }
    if since_ns is not None:
        record["since_ns"] = since_ns
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def snapshot_value(definition: Definition) -> bytes:
    """Return the value of the record that keeps a version with its learned layer."""
    return orjson.dumps(
        {
            "v": 1,
            "kind": "snapshot",
            "flow": definition.flow,
            "version": definition.version,
            "options": dict(definition.published_options),
            "nodes": list(definition.published.values()),
            "learned_options": dict(definition.learned_options),
            "learned_nodes": list(definition.learned.values()),
        }
    )


def read_published(content: Mapping[str, Any], defaults: Options) -> Definition:
    """Return a published definition; raises InvalidDefinition (R18)."""
    if problems := check_definition(content):
        raise InvalidDefinition(problems)
    return Definition(
        content["flow"],
        published=content["nodes"],
        options=content.get("options"),
        defaults=defaults,
    )


def read_snapshot(record: Mapping[str, Any], defaults: Options) -> Definition:
    """Return the definition that a snapshot keeps."""
    definition = Definition(
        record["flow"],
        published=record["nodes"],
        options=record["options"],
        learned=record["learned_nodes"],
        learned_options=record["learned_options"],
        defaults=defaults,
    )
    # The name under which runs are pinned to it, even if a later release hashes its content differently.
    definition.version = record["version"]
    return definition
