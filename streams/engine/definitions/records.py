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
    """Return a published definition, of the version that it states or else of its content's.

    Raises:
        InvalidDefinition: it cannot be used (R18).
        TypeError: the version is no text.
    """
    if problems := check_definition(content):
        raise InvalidDefinition(problems)
    return Definition(
        content["flow"],
        published=content["nodes"],
        options=content.get("options"),
        defaults=defaults,
        version=_stated_version(content),
    )


def read_snapshot(record: Mapping[str, Any], defaults: Options) -> Definition:
    """Return the definition that a snapshot keeps; raises TypeError if its version is no text."""
    return Definition(
        record["flow"],
        published=record["nodes"],
        options=record["options"],
        learned=record["learned_nodes"],
        learned_options=record["learned_options"],
        defaults=defaults,
        version=_stated_version(record),
    )


def _stated_version(record: Mapping[str, Any]) -> str | None:
    """Return the version under which runs are pinned to a definition, whatever a later release hashes it to."""
    version = record.get("version")
    if version is not None and not isinstance(version, str):
        raise TypeError(f"the version must be a text, got {version!r}")
    return version
