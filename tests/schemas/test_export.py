"""The checked-in JSON Schemas are those of the models, and `--check` notices when they are not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import jsonschema
import pytest

from schemas.export import FOLDER, MODELS, export, main, stale

if TYPE_CHECKING:
    from pathlib import Path


def test_the_checked_in_schemas_are_those_of_the_models():
    assert stale() == [], "run: python -m schemas.export"


def test_the_command_agrees():
    command = [sys.executable, "-m", "schemas.export", "--check"]
    done = subprocess.run(
        command, cwd=FOLDER.parents[1], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_check_names_what_is_stale_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    export(tmp_path)
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "event.v1.json").write_text("{}")
    (tmp_path / "verdict.v1.json").unlink()
    (tmp_path / "old.v1.json").write_text("{}")
    before = {path: path.read_text() for path in tmp_path.iterdir()}

    assert main(["--check"], tmp_path) == 1

    said = capsys.readouterr().err
    assert "event.v1.json, old.v1.json, verdict.v1.json" in said
    assert "run python -m schemas.export" in said
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


def test_export_mends_what_is_stale(tmp_path: Path):
    folder = tmp_path / "json"
    assert main([], folder) == 0
    (folder / "event.v1.json").write_text("{}")
    (folder / "old.v1.json").write_text("{}")
    assert main([], folder) == 0
    assert stale(folder) == []
    assert {path.name for path in folder.iterdir()} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_each_is_a_json_schema(name: str):
    jsonschema.Draft202012Validator.check_schema(json.loads((FOLDER / name).read_bytes()))


def test_only_what_people_write_by_hand_forbids_unknown_keys():
    strict = {
        path.name for path in FOLDER.iterdir() if 'additionalProperties": false' in path.read_text()
    }
    assert strict == {"flow.v1.json"}
