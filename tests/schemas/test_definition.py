"""Definitions: what is given, what is filled in, and what its author is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from schemas.errors import DefinitionProblem, InvalidDefinition
from schemas.ids import definition_version
from schemas.limits import OPTION_RANGES
from schemas.renamed import RENAMED_OPTIONS
from schemas.v1.definition import FlowDefinition, FlowOptions, NodeDefinition
from schemas.v1.definition_record import AnyRecord, DefinitionRecord
from schemas.v1.event import EventModel
from streams.engine.definitions.definition import published_version

CART = {"id": "cart"}
RECORDED: dict[str, Any] = orjson.loads(
    (Path(__file__).parents[1] / "engine/recorded_states/definitions-2.json").read_bytes()
)
"""Definition records by their kind, as they were written before options were renamed."""


def problems(content: Any) -> list[DefinitionProblem]:
    with pytest.raises(InvalidDefinition) as caught:
        FlowDefinition.parse(content)
    return caught.value.problems


def test_given_keeps_only_what_was_written():
    content: dict[str, Any] = {
        "flow": "checkout",
        "nodes": [{"id": "pay", "conditions": [{}], "branch": None}],
    }
    assert FlowDefinition.parse(content).given() == {
        "flow": "checkout",
        "nodes": [{"id": "pay", "conditions": [{}]}],
    }


def test_canonical_fills_in_every_default():
    canonical = FlowDefinition.parse({"flow": "checkout", "nodes": [CART]}).canonical()
    assert canonical["options"] == {
        **{name: bounds.default for name, bounds in OPTION_RANGES.items()},
        "closed": False,
    }
    assert canonical["nodes"] == [
        {
            "id": "cart",
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
    ]


def test_the_defaults_are_those_of_the_law():
    assert FlowOptions().model_dump() == {
        "window_ms": 900_000,
        "max_open_ms": 604_800_000,
        "settle_ms": 5_000,
        "grace_ms": 1_000,
        "clock_tolerance_ms": 2_000,
        "forget_after_ms": 3_600_000,
        "closed": False,
        "max_events_per_run": 1_000,
    }


def test_the_engine_gives_a_published_flow_the_version_of_its_canonical_content():
    content = {
        "flow": "checkout",
        "options": {"closed": True},
        "nodes": [CART, {"id": "pay", "dep_ids": ["cart"], "conditions": [{"timeout_ms": 5}]}],
    }
    canonical = FlowDefinition.parse(content).canonical()
    assert published_version(content) == definition_version(canonical)


def test_what_a_default_says_makes_no_other_version():
    short = FlowDefinition.parse({"flow": "f", "nodes": [CART]})
    long = FlowDefinition.parse({"nodes": [{**CART, "required": True}], "options": {}, "flow": "f"})
    assert definition_version(short.canonical()) == definition_version(long.canonical())


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("dep_id", 'did you mean "dep_ids"?'),
        ("depends", 'did you mean "dep_ids"?'),
        ("colour", "known here: id, type, dep_ids"),
        ("validators", 'did you mean "validator"?'),
        ("end_run", 'did you mean "ends_run"?'),
    ],
)
def test_an_unknown_key_is_refused_with_what_was_meant(key: str, hint: str):
    (problem,) = problems({"flow": "f", "nodes": [CART, {"id": "pay", key: 1}]})
    assert (problem.place, problem.node) == (f"nodes[1].{key}", "pay")
    assert problem.message.startswith(f"unknown key; {hint}")


@pytest.mark.parametrize(("old", "new"), RENAMED_OPTIONS.items())
def test_the_old_name_of_an_option_is_refused_with_its_new_name(old: str, new: str):
    (problem,) = problems({"flow": "f", "nodes": [CART], "options": {old: 1}})
    assert (problem.place, problem.message) == (
        f"options.{old}",
        f"unknown key; `{old}` is now `{new}`",
    )


def test_an_old_option_name_on_a_node_is_any_unknown_key():
    (problem,) = problems({"flow": "f", "nodes": [{"id": "pay", "retention_ms": 1}]})
    assert problem.message.startswith("unknown key; known here: id, ")


def test_the_problem_of_a_node_without_an_id_names_no_node():
    (problem,) = problems({"flow": "f", "nodes": [{"type": "act"}]})
    assert problem == DefinitionProblem("nodes[0].id", None, "is missing")


def test_a_yaml_value_that_json_lacks_is_refused_and_named_by_its_type():
    (problem,) = problems({"flow": "f", "nodes": [CART], "options": {"window_ms": {1, 2}}})
    assert problem.message == "must be a valid integer, got a set that cannot be shown"


def test_a_yaml_date_is_no_text():
    (problem,) = problems({"flow": "f", "nodes": [{**CART, "description": date(2025, 11, 24)}]})
    assert problem.place == "nodes[0].description"


@pytest.mark.parametrize("meta", [{"a": float("nan")}, {1: "a"}, {"a": {2: 3}}, {"a": (1, 2)}])
def test_meta_that_json_cannot_hold_is_refused(meta: Any):
    assert problems({"flow": "f", "nodes": [{**CART, "additional_meta": meta}]})


def test_a_definition_nested_too_deeply_is_refused():
    meta: Any = {}
    for _ in range(64):
        meta = {"a": meta}
    (problem,) = problems({"flow": "f", "nodes": [{**CART, "additional_meta": meta}]})
    assert problem.message.startswith("must be nested at most 64 levels deep, got ")


def test_an_error_reads_as_one_line_for_each_problem():
    with pytest.raises(InvalidDefinition) as caught:
        FlowDefinition.parse({"nodes": [{"id": "pay", "required": "no"}]})
    assert str(caught.value) == (
        'flow: is missing; nodes[0].required (node pay): must be a valid boolean, got "no"'
    )


def test_a_problem_without_a_place_is_its_message():
    assert str(DefinitionProblem("", None, "not JSON")) == "not JSON"


def test_a_record_is_read_although_a_newer_writer_added_keys_in_it():
    value = {"kind": "learned", "flow": "f", "node": {"id": "n", "colour": 1}, "since": 1}
    record = DefinitionRecord.parse(orjson.dumps(value)).root
    assert record.model_dump(exclude_unset=True) == {
        "kind": "learned",
        "flow": "f",
        "node": {"id": "n"},
    }


@pytest.mark.parametrize("recorded", RECORDED.values(), ids=list(RECORDED))
def test_a_record_of_before_the_first_release_is_read_by_todays_names(recorded: dict[str, Any]):
    """`retention_ms` was what `forget_after_ms` is; a record keeps the version that it states."""
    value = recorded["kept"][1]
    assert "retention_ms" in value
    record = DefinitionRecord.parse(value.encode()).root.model_dump()
    layers = [record[layer] for layer in ("options", "learned_options") if layer in record]
    assert {options["forget_after_ms"] for options in layers} == {7_000}
    assert record.get("version") == recorded["read"]["version"]


def test_each_kind_of_record_is_read():
    kinds = {model.model_fields["kind"].annotation for model in get_args(AnyRecord)}
    assert {get_args(kind)[0] for kind in kinds} == {"published", "learned", "snapshot"}


def test_an_event_can_teach_each_field_of_a_node():
    assert set(NodeDefinition.model_fields) - {"id"} <= set(EventModel.model_fields)
