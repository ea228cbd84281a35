"""Option names of stored records from before the first release, read as today's names.

Events, YAML, SDK calls and verdicts take today's names alone; the message for an old one says the
new one. What is stored is older than the code that reads it: records of the definitions topic, and
the options in the state of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.json_types import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

RENAMED_OPTIONS: Final = {"retention_ms": "forget_after_ms"}
"""Old name → today's name of a flow option."""


def rename_options(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored flow options under today's names; one that stands under both has today's value."""
    renamed = {RENAMED_OPTIONS[name]: stored[name] for name in stored if name in RENAMED_OPTIONS}
    kept = {name: value for name, value in stored.items() if name not in RENAMED_OPTIONS}
    return {**renamed, **kept}


def rename_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decoded record of the definitions topic with its options under today's names."""
    options = {
        layer: rename_options(record[layer])
        for layer in ("options", "learned_options")
        if is_object(record.get(layer))
    }
    return {**record, **options}
