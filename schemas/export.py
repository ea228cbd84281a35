"""The models as JSON Schemas, checked in under `json/` for whoever does not write Python.

    python -m schemas.export            writes them
    python -m schemas.export --check    exits 1 if one is not what the models say

A schema says what to send: readers also take null for a field that is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from schemas.json_types import is_list, is_object
from schemas.v1.dead_letter import DeadLetter
from schemas.v1.definition import FlowDefinition
from schemas.v1.definition_record import DefinitionRecord
from schemas.v1.event import Event
from schemas.v1.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

FOLDER = Path(__file__).parent / "json"

MODELS: dict[str, type[BaseModel]] = {
    "event.v1.json": Event,
    "flow.v1.json": FlowDefinition,
    "definition_record.v1.json": DefinitionRecord,
    "verdict.v1.json": Verdict,
    "dead_letter.v1.json": DeadLetter,
}


class _Plain(GenerateJsonSchema):
    """Schemas without a title on each field: it would be the field's name once more."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 -- pydantic's hook
        return False


def schema_text(model: type[BaseModel]) -> str:
    """Return the JSON Schema of a model as it stands in its file."""
    schema = model.model_json_schema(schema_generator=_Plain)
    if model is not FlowDefinition:
        _allow_more(schema)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the names of the files in `folder` that are not what the models say."""
    texts = {name: schema_text(model) for name, model in MODELS.items()}
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in texts | found if texts.get(name) != found.get(name))


def export(folder: Path = FOLDER) -> None:
    """Write the schema of each model to `folder` and remove what belongs to none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale(folder):
        if name in MODELS:
            (folder / name).write_text(schema_text(MODELS[name]), encoding="utf-8")
        else:
            (folder / name).unlink()


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if stale")
    if not parser.parse_args(arguments).check:
        export(folder)
        return 0
    if names := stale(folder):
        sys.stderr.write(
            f"not what the models say: {', '.join(names)}; run python -m schemas.export\n"
        )
    return 1 if names else 0


def _allow_more(schema: Any) -> None:
    """Drop `additionalProperties: false`: readers of a topic ignore what a newer writer added."""
    if is_object(schema):
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
        for part in schema.values():
            _allow_more(part)
    elif is_list(schema):
        for part in schema:
            _allow_more(part)


if __name__ == "__main__":
    sys.exit(main())
