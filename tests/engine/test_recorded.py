"""Runs and definitions that an earlier release stored are read and judged on as that release would have."""

from __future__ import annotations

import orjson
import pytest

from schemas.ids import state_key
from streams.engine.run.codec import FORMAT, decode_run, encode_run
from tests.engine.recorded import (
    DEFINITION_KINDS,
    DEFINITIONS,
    FOLDER,
    KINDS,
    Recording,
    definition_reading,
    definitions_of,
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


@pytest.mark.parametrize(
    "name",
    [
        "remembered_for_longer",
        "taught_how_long_to_remember",
        "pinned_to_what_runs_learned_of_remembering",
    ],
)
def test_an_option_that_was_stored_under_its_old_name_is_read_and_written_by_todays(name: str):
    """`retention_ms` was what `forget_after_ms` is: in what is published, learned, or the run's own."""
    recording = RECORDED["format-2"][name]
    stored = recording["stored"].encode()
    definitions = definitions_of(recording)
    key = state_key(recording["flow"], recording["run_id"])
    run = decode_run(key, stored, definitions)
    assert run.definition.options.forget_after_ms == 10_000_000
    again = encode_run(run)
    assert again == stored.replace(b"retention_ms", b"forget_after_ms")
    assert decode_run(key, again, definitions).definition is run.definition


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
