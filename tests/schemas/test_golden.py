"""The golden messages: what the wire accepts, and what it refuses with which words."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import orjson
import pytest
from pydantic import ValidationError

from schemas.errors import DefinitionProblem, InvalidDefinition, InvalidEvent
from schemas.v1.dead_letter import DeadLetter
from schemas.v1.definition import FlowDefinition
from schemas.v1.definition_record import DefinitionRecord
from schemas.v1.event import EventModel
from schemas.v1.pydantic_errors import place
from schemas.v1.verdict import Verdict
from schemas.wire import decode_event
from tests.schemas.golden import EXAMPLES, invalid, valid

JSON_SCHEMAS = EXAMPLES.parent / "json"


def check_by_json_schema(noun: str, content: bytes) -> None:
    schema = json.loads((JSON_SCHEMAS / f"{noun}.v1.json").read_bytes())
    jsonschema.validate(json.loads(content), schema, cls=jsonschema.Draft202012Validator)


def headers(content: bytes) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in json.loads(content).items()]


@pytest.mark.parametrize("content", valid("event"))
def test_valid_event_is_decoded_and_modelled(content: bytes):
    fields = orjson.loads(content)
    event = decode_event(content)
    assert (event.flow, event.node, event.run_id) == (
        fields["flow"],
        fields["node"],
        fields["run_id"],
    )
    assert EventModel.parse(fields).ts == event.ts


@pytest.mark.parametrize(("content", "expected"), invalid("event"))
def test_invalid_event_is_refused_with_reason_and_place(content: bytes, expected: dict[str, str]):
    with pytest.raises(InvalidEvent) as caught:
        decode_event(content)
    assert caught.value.reason == expected["reason"]
    assert caught.value.path == expected["path"]
    assert caught.value.message == expected.get("message", caught.value.message)


@pytest.mark.parametrize(("content", "expected"), invalid("event"))
def test_invalid_event_is_refused_by_the_model_too(content: bytes, expected: dict[str, str]):
    if expected["reason"] == "not_json":
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(content)
        return
    with pytest.raises(ValidationError) as caught:
        EventModel.model_validate(orjson.loads(content), extra="ignore")
    # Where one of several types may stand, pydantic adds the type's name to the place.
    assert place(caught.value.errors()[0]["loc"]).startswith(expected["path"].partition(".")[0])


@pytest.mark.parametrize("content", valid("flow"))
def test_valid_flow_is_kept_as_given(content: bytes):
    given = json.loads(content)
    assert FlowDefinition.parse(given).given() == given


@pytest.mark.parametrize(("content", "expected"), invalid("flow"))
def test_invalid_flow_is_refused_with_every_problem(content: bytes, expected: list[dict[str, str]]):
    with pytest.raises(InvalidDefinition) as caught:
        FlowDefinition.parse(json.loads(content))
    assert caught.value.problems == [DefinitionProblem(**problem) for problem in expected]


@pytest.mark.parametrize("content", valid("definition_record"))
def test_valid_definition_record_is_read(content: bytes):
    assert DefinitionRecord.parse(content).root.kind == json.loads(content)["kind"]


@pytest.mark.parametrize(("content", "expected"), invalid("definition_record"))
def test_invalid_definition_record_is_refused(content: bytes, expected: list[dict[str, str]]):
    with pytest.raises(InvalidDefinition) as caught:
        DefinitionRecord.parse(content)
    assert caught.value.problems == [DefinitionProblem(**problem) for problem in expected]


@pytest.mark.parametrize("content", valid("verdict"))
def test_valid_verdict_is_read_and_written_unchanged(content: bytes):
    fields = json.loads(content)
    assert Verdict.model_validate(fields).model_dump() == fields


@pytest.mark.parametrize(("content", "expected"), invalid("verdict"))
def test_invalid_verdict_is_refused(content: bytes, expected: str):
    with pytest.raises(ValidationError) as caught:
        Verdict.model_validate(json.loads(content))
    assert [place(error["loc"]) for error in caught.value.errors()] == [expected]


@pytest.mark.parametrize("content", valid("dead_letter"))
def test_dead_letter_headers_are_read_and_written(content: bytes):
    letter = DeadLetter.from_headers(headers(content))
    assert dict(letter.to_headers()).items() <= dict(headers(content)).items()
    assert DeadLetter.from_headers(letter.to_headers()) == letter


@pytest.mark.parametrize(("content", "expected"), invalid("dead_letter"))
def test_headers_that_are_no_dead_letter_are_refused(content: bytes, expected: str):
    with pytest.raises(ValidationError) as caught:
        DeadLetter.from_headers(headers(content))
    assert [place(error["loc"]) for error in caught.value.errors()] == [expected]


# Null stands for a field that is left out; the schema says what to send, which is nothing.
SENT = [param for param in valid("event") if param.id != "nulls_stand_for_nothing"]


@pytest.mark.parametrize(
    ("noun", "content"),
    [
        pytest.param(noun, *param.values, id=f"{noun}-{param.id}")
        for noun, params in {
            "event": SENT,
            "flow": valid("flow"),
            "definition_record": valid("definition_record"),
            "verdict": valid("verdict"),
        }.items()
        for param in params
    ],
)
def test_valid_messages_obey_the_exported_schema(noun: str, content: bytes):
    check_by_json_schema(noun, content)


# What JSON Schema cannot say: bytes of UTF-8, depth, and in Python's dialect the end of a line.
BEYOND_SCHEMA = {
    "run_id_too_long",
    "data_too_deep",
    "additional_meta_too_deep",
    "node_with_newline",
}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(param.values[0], id=param.id)
        for param in invalid("event")
        if param.values[1]["reason"] != "not_json" and param.id not in BEYOND_SCHEMA
    ],
)
def test_invalid_events_break_the_exported_schema(content: bytes):
    with pytest.raises(jsonschema.ValidationError):
        check_by_json_schema("event", content)


@pytest.mark.parametrize("noun", ["event", "flow", "definition_record", "verdict", "dead_letter"])
def test_every_invalid_message_has_its_expectation_and_the_other_way_round(noun: str):
    expected = json.loads((EXAMPLES / noun / "invalid.json").read_bytes())
    assert set(expected) == {path.name for path in Path(EXAMPLES / noun / "invalid").iterdir()}
