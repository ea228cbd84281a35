"""Runs and definitions that an earlier release stored are read and judged on as that release would have."""

from __future__ import annotations

import orjson
import pytest

from streams.engine.run.codec import FORMAT
from tests.engine.recorded import (
    DEFINITION_KINDS,
    DEFINITIONS,
    FOLDER,
    KINDS,
    Recording,
    definition_reading,
    reading,
)

RECORDED: dict[str, dict[str, Recording]] = {
    file.stem: orjson.loads(file.read_bytes()) for file in sorted(FOLDER.glob("format-*.json"))
}
RECORDED_DEFINITIONS: dict[str, Recording] = orjson.loads(DEFINITIONS.read_bytes())


@pytest.mark.parametrize(
    ("form", "name"), [(form, name) for form, runs in RECORDED.items() for name in runs]
)
def test_a_stored_run_is_read_as_it_was(form: str, name: str):
    """Its instants, how it stands, and every verdict that it comes to when it goes on."""
    recording = RECORDED[form][name]
    read = orjson.loads(orjson.dumps(reading(recording)))  # tuples are lists there
    assert read["header"] == recording["header"]
    assert read["end"] == recording["end"]
    assert read["goes_on"] == recording["goes_on"]


def test_every_kind_of_run_is_recorded():
    """A kind that this release knows and the newest recording lacks would not be held to anything."""
    assert set(RECORDED[f"format-{FORMAT}"]) == set(KINDS)


@pytest.mark.parametrize("name", RECORDED_DEFINITIONS)
def test_a_definition_record_is_read_as_it_was(name: str):
    """The version that it states, its options and its nodes."""
    recording = RECORDED_DEFINITIONS[name]
    assert definition_reading(recording["kept"]) == recording["read"]


def test_every_kind_of_definition_record_is_recorded():
    """All that state options: published, learned, learned and said again, a snapshot."""
    assert set(RECORDED_DEFINITIONS) == set(DEFINITION_KINDS)


def test_the_recordings_differ():
    """A recording that says nothing holds nobody to anything."""
    runs = RECORDED[f"format-{FORMAT}"]
    assert len({run["stored"].partition("[[")[2] for run in runs.values()}) == len(runs)
    ends = {orjson.dumps(run["end"]) for run in runs.values()}
    assert len(ends) > len(runs) / 2
    assert all(run["goes_on"] for run in runs.values())
