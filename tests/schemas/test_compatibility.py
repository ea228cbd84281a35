"""Which changes of a schema break those who rely on it, and how they are named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from schemas.compatibility import breaks
from schemas.export import MODELS, RELEASED, broken, export, main, schema_text

if TYPE_CHECKING:
    from pathlib import Path

Schema = dict[str, Any]
Change = Callable[[Schema], Any]

OLD: Schema = {
    "type": "object",
    "required": ["id", "nodes"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^a"},
        "n": {"type": "integer", "minimum": 0, "maximum": 9},
        "amount": {"type": "number"},
        "status": {"enum": ["passed", "failed"], "type": "string"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "nodes": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        "data": {"type": "object", "additionalProperties": True},
        "source": {"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]},
    },
    "$defs": {
        "Node": {
            "type": "object",
            "required": ["node"],
            "properties": {
                "node": {"type": "string"},
                "inner": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            },
        },
        "A": {"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "string"}}},
        "B": {"type": "object", "properties": {"kind": {"const": "b"}, "y": {"type": "string"}}},
    },
}


def changed(change: Change) -> Schema:
    schema = copy.deepcopy(OLD)
    change(schema)
    return schema


def at(schema: Schema, path: str) -> Any:
    for step in path.split("."):
        schema = schema[step]
    return schema


def put(path: str, **values: Any) -> Change:
    """Set keys of what stands at a path of the schema."""
    return lambda schema: at(schema, path).update(values)


def drop(path: str, key: str) -> Change:
    """Remove a key."""
    return lambda schema: at(schema, path).pop(key)


def need(*names: str) -> Change:
    """List the required fields of the message."""
    return lambda schema: schema.update(required=list(names))


def field(name: str, **keywords: Any) -> Change:
    return put(f"properties.{name}", **keywords)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(drop("properties", "n"), "n: removed", id="field"),
        pytest.param(
            drop("$defs.Node.properties", "node"),
            "nodes[].node: removed",
            id="field of an item",
        ),
        pytest.param(
            drop("$defs.B.properties", "y"),
            "source.y: removed",
            id="field of an alternative",
        ),
        pytest.param(field("n", type="string"), "n: no longer takes integer", id="type"),
        pytest.param(
            field("amount", type="integer"), "amount: no longer takes number", id="number"
        ),
        pytest.param(
            put("properties", note={"type": "string"}),
            "note: no longer takes null",
            id="null",
        ),
        pytest.param(
            field("status", enum=["passed"]), "status: no longer takes failed", id="a listed value"
        ),
        pytest.param(
            field("amount", enum=[1, 2]), "amount: takes nothing but 1, 2 now", id="a list at all"
        ),
        pytest.param(field("n", minimum=1), "n: minimum 1 now, 0 before", id="minimum"),
        pytest.param(field("n", maximum=8), "n: maximum 8 now, 9 before", id="maximum"),
        pytest.param(field("id", maxLength=64), "id: maxLength 64 now, 128 before", id="length"),
        pytest.param(field("nodes", minItems=1), "nodes: minItems 1 now, none before", id="items"),
        pytest.param(field("id", pattern="^b"), "id: pattern '^b' now, '^a' before", id="pattern"),
        pytest.param(need("id", "nodes", "n"), "n: required now", id="a field that was optional"),
        pytest.param(need("id", "nodes", "new"), "new: required now", id="a field that is new"),
        pytest.param(
            put("$defs.Node", required=["node", "inner"]),
            "nodes[].inner: required now",
            id="a field of an item",
        ),
        pytest.param(
            field("data", additionalProperties=False),
            "data.*: no longer takes any value",
            id="further keys",
        ),
        pytest.param(
            put("properties", source={"$ref": "#/$defs/A"}),
            "source.kind: no longer takes b",
            id="an alternative",
        ),
    ],
)
def test_what_is_taken_away_breaks(change: Change, expected: str):
    found = [str(one) for one in breaks(OLD, changed(change))]
    assert found[0] == expected


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(need("id", "nodes"), id="nothing"),
        pytest.param(put("properties", new={"type": "string"}), id="a new field"),
        pytest.param(need("id"), id="a field may be left out"),
        pytest.param(field("status", enum=["failed", "passed", "late"]), id="a listed value more"),
        pytest.param(field("n", minimum=-1, maximum=10), id="a wider range"),
        pytest.param(field("n", type=["integer", "null"]), id="a type more"),
        pytest.param(field("n", type="number"), id="integers are numbers"),
        pytest.param(drop("properties.id", "pattern"), id="any text"),
        pytest.param(field("n", description="how many"), id="a description"),
    ],
)
def test_what_is_added_does_not(change: Change):
    assert breaks(OLD, changed(change)) == []


def test_readers_of_what_we_write_rely_on_what_was_always_there():
    new = changed(need("id"))
    assert [str(one) for one in breaks(OLD, new, written_by_us=True)] == [
        "nodes: no longer always present"
    ]


@pytest.mark.parametrize("name", MODELS)
def test_the_models_keep_what_was_released(name: str):
    assert [line for line in broken() if line.startswith(name)] == []
    assert (RELEASED / name).exists(), "run: python -m schemas.export --release"


def test_check_names_the_file_the_field_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The released schema took a field that the model does not know any more."""
    folder, released = tmp_path / "json", tmp_path / "released"
    export(folder)
    export(released)
    assert main(["--check"], folder, released) == 0

    schema = json.loads(schema_text(MODELS["verdict.v1.json"]))
    schema["properties"]["mood"] = {"type": "string"}
    (released / "verdict.v1.json").write_text(json.dumps(schema))
    before = (released / "verdict.v1.json").read_text()
    assert main(["--check"], folder, released) == 1
    said = capsys.readouterr().err
    assert "breaking change: verdict.v1.json: mood: removed\n" in said
    assert "add a new version beside this one" in said

    assert main(["--release"], folder, released) == 1, "a release must not bury what it breaks"
    assert (released / "verdict.v1.json").read_text() == before


def test_a_model_that_was_released_must_stay(tmp_path: Path):
    (tmp_path / "event.v0.json").write_text("{}")
    assert broken(tmp_path) == ["event.v0.json: removed"]


def test_a_release_notes_what_others_rely_on(tmp_path: Path):
    folder, released = tmp_path / "json", tmp_path / "released"
    assert main(["--release"], folder, released) == 0
    assert {path.name for path in released.iterdir()} == set(MODELS)
