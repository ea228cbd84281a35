from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import DEFINITIONS
from schemas.v1.definition_record import DefinitionRecord
from streams.flows.files import parse_flow
from streams.kafka.topic_reader import newest_records
from streams.settings.worker import load_worker_settings
from tests.support.command_line import FLOW

if TYPE_CHECKING:
    from pathlib import Path

    from streams.kafka.topic_reader import Stored
    from tests.support.command_line import Duly


def stored() -> dict[bytes, Stored]:
    return asyncio.run(newest_records(DEFINITIONS, load_worker_settings()))


async def write(broker: str, topic: str, records: list[tuple[str, dict[str, Any]]]) -> None:
    producer: Any = AIOKafkaProducer(bootstrap_servers=broker)
    async with producer:
        for key, value in records:
            await producer.send_and_wait(topic, orjson.dumps(value), key=key.encode())


def test_validate_prints_the_version_and_needs_no_broker(duly: Duly, flow_file: Path) -> None:
    result = duly("flow", "validate", flow_file)
    assert result.exit_code == 0
    assert re.fullmatch(r"f@[0-9a-f]{16}\n", result.stdout)
    assert result.stderr == ""


def test_validate_says_all_that_is_wrong_in_all_files(
    duly: Duly, flow_file: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "g.yaml"
    wrong.write_text("flow: g\nwindow_mss: 1\nnodes: [{id: a}]")
    result = duly("flow", "validate", flow_file, wrong, tmp_path / "nowhere.yaml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        f'error: {wrong}:2: window_mss: unknown key; did you mean "window_ms"?\n'
        f"{tmp_path}/nowhere.yaml:1: cannot be read: No such file or directory\n"
    )


def test_validate_compiles_scripts(duly: Duly, flow_file: Path) -> None:
    flow_file.write_text(FLOW.replace('data["x"] == 1', "import os"))
    result = duly("flow", "validate", flow_file)
    assert result.exit_code == 2
    assert f"{flow_file}:8: node b: validator.script: cannot be used: python" in result.stderr


@pytest.mark.usefixtures("topics")
def test_apply_publishes_under_both_keys_and_returns_when_in_force(
    duly: Duly, flow_file: Path
) -> None:
    result = duly("flow", "apply", flow_file)
    returned_ms = time.time() * 1000
    assert result.exit_code == 0
    name = result.stdout.strip()
    records = stored()
    assert set(records) == {b"f", name.encode()}
    for record in records.values():
        assert DefinitionRecord.parse(record.value).root.flow == "f"
        assert record.timestamp_ms <= returned_ms - 2000
    assert orjson.loads(records[b"f"].value)["version"] == name.removeprefix("f@")


@pytest.mark.usefixtures("topics")
def test_apply_does_not_publish_again_what_is_published(duly: Duly, flow_file: Path) -> None:
    first = duly("flow", "apply", flow_file)
    before = stored()
    again = duly("flow", "apply", flow_file)
    assert again.stdout == first.stdout
    assert again.stderr == "f: was in force already\n"
    assert stored() == before


@pytest.mark.usefixtures("topics")
def test_apply_publishes_nothing_if_one_file_is_refused(
    duly: Duly, flow_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "g.yaml").write_text("flow: g\nnodes: []")
    assert duly("flow", "apply", flow_file, tmp_path / "g.yaml").exit_code == 2
    assert stored() == {}


@pytest.mark.usefixtures("topics")
def test_show_prints_what_was_applied_as_a_flow_file(duly: Duly, flow_file: Path) -> None:
    old = duly("flow", "apply", flow_file).stdout.strip()
    flow_file.write_text(FLOW.replace("10000", "20000"))
    new = duly("flow", "apply", flow_file).stdout.strip()
    assert old != new
    newest = duly("flow", "show", "f").stdout
    assert newest.startswith(f"# {new}, published ")
    assert (
        parse_flow(newest, "shown").definition == parse_flow(flow_file.read_text(), "").definition
    )
    older = duly("flow", "show", "f", "--version", old.removeprefix("f@")).stdout
    assert parse_flow(older, "shown").definition == parse_flow(FLOW, "").definition


def test_show_prints_what_events_taught_where_nobody_published(
    topics: str, topic_prefix: str, duly: Duly
) -> None:
    learned: dict[str, Any] = {"v": 1, "kind": "learned", "flow": "f", "options": {}}
    records = [
        ("f/a", learned | {"node": {"id": "a"}, "options": {"retention_ms": 5}}),  # its old name
        ("f/b", learned | {"node": {"id": "b", "dep_ids": ["a"]}}),
        ("fx/c", learned | {"flow": "fx", "node": {"id": "c"}}),
    ]
    asyncio.run(write(topics, f"{topic_prefix}{DEFINITIONS.name}", records))
    shown = duly("flow", "show", "f").stdout
    assert shown.startswith("# f, learned from events: nobody published it\n")
    assert parse_flow(shown, "shown").definition == {
        "flow": "f",
        "options": {"forget_after_ms": 5},
        "nodes": [{"id": "a"}, {"id": "b", "dep_ids": ["a"]}],
    }


def test_show_prints_a_version_with_what_its_runs_learned(
    topics: str, topic_prefix: str, duly: Duly
) -> None:
    snapshot: dict[str, Any] = {
        "v": 1,
        "kind": "snapshot",
        "flow": "f",
        "version": "0123456789abcdef",
        "options": {"closed": True},
        "nodes": [{"id": "a", "required": False}],
        "learned_options": {"window_ms": 5, "retention_ms": 7},  # as it was called when stored
        "learned_nodes": [{"id": "a", "description": "first"}, {"id": "b"}],
    }
    records = [("f@0123456789abcdef", snapshot)]
    asyncio.run(write(topics, f"{topic_prefix}{DEFINITIONS.name}", records))
    shown = duly("flow", "show", "f", "--version", "0123456789abcdef").stdout
    assert shown.startswith("# f@0123456789abcdef, with what runs learned by ")
    assert parse_flow(shown, "shown").definition == {
        "flow": "f",
        "options": {"window_ms": 5, "forget_after_ms": 7, "closed": True},
        "nodes": [{"id": "a", "required": False, "description": "first"}, {"id": "b"}],
    }


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["g"], "error: no flow 'g' is known; known: f\n"),
        (["f", "--version", "x"], "error: flow 'f' has no version 'x'; known: "),
    ],
)
def test_show_of_what_is_not_there_says_what_is(
    duly: Duly, flow_file: Path, arguments: list[str], reason: str
) -> None:
    duly("flow", "apply", flow_file)
    result = duly("flow", "show", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(reason)


def test_a_topic_that_is_not_there_is_not_created_by_looking(
    broker: str, topic_prefix: str, duly: Duly, flow_file: Path
) -> None:
    for arguments in (["apply", flow_file], ["show", "f"]):
        result = duly("flow", *arguments)
        assert result.exit_code == 4
        assert f"there is no topic {topic_prefix}flow-definitions.v1 on {broker}" in result.stderr
