"""The content of a definition that its version is a hash of (R17).

Defaults are filled in for the options and node fields of the first release, by the values that they
had then. Whatever a later release adds is part of it only where it is stated, so that an upgrade
moves no version of a definition that does not use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_OPTIONS: Final[dict[str, Any]] = {
    "window_ms": 900_000,
    "max_open_ms": 604_800_000,
    "settle_ms": 5_000,
    "grace_ms": 1_000,
    "clock_tolerance_ms": 2_000,
    "forget_after_ms": 3_600_000,
    "closed": False,
    "max_events_per_run": 1_000,
}
"""The flow options of the first release with their defaults. Frozen: nothing is ever added or changed here."""

FIRST_NODE_FIELDS: Final[dict[str, Any]] = {
    "type": "generic",
    "dep_ids": [],
    "dep_mode": "all",
    "filter": None,
    "validator": None,
    "conditions": [],
    "required": True,
    "branch": None,
    "exclusive": False,
    "ends_run": False,
    "description": None,
    "additional_meta": None,
}
"""The fields of a node of the first release, beside its `id`, with their defaults. Frozen, as the options."""

FIRST_CONDITION_FIELDS: Final[dict[str, Any]] = {"timeout_ms": 0}
"""The fields of one of a node's `conditions` of the first release. Frozen, as the others."""


def canonical_options(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return flow options as they are hashed; a null stands for what is left out."""
    return FIRST_OPTIONS | _given(stated)


def canonical_node(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node as it is hashed; a null stands for what is left out."""
    node = FIRST_NODE_FIELDS | _given(stated)
    node["conditions"] = [FIRST_CONDITION_FIELDS | _given(one) for one in node["conditions"]]
    return node


def _given(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if value is not None}
