from __future__ import annotations

import asyncio
import json
import re
import socket
from importlib import metadata
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.topics import DEFINITIONS, EVENTS
from streams.agents.events.decoder import is_clock_record
from streams.doctor.clock import judge_offset
from streams.doctor.definitions import check_definitions
from streams.engine.definitions.definition import Definition
from streams.kafka.broker_release import release_of
from streams.kafka.clock_offset import ClockOffset
from streams.kafka.topics import admin_client, describe_topics, full_name
from streams.settings.worker import load_worker_settings
from tests.cli.test_flow_graph import learned
from tests.support.topic_records import Sent, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from tests.support.command_line import Duly


def findings(result: Result, section: str) -> list[tuple[str, str]]:
    """Return level and message of what was found in a section."""
    told = json.loads(result.stdout)
    return [(one["level"], one["message"]) for one in told if one["section"] == section]


# -- this machine


@pytest.mark.usefixtures("topics")
def test_a_sound_installation_has_a_sign_for_each_section(duly: Duly) -> None:
    result = duly("doctor")
    assert result.exit_code == 0, result.output
    headings = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert headings == ["machine", "settings", "broker", "topics", "worker", "clock", "definitions"]
    assert f"  ✓ duly {metadata.version('duly')}, Python 3." in result.stdout
    assert f"faust-streaming {metadata.version('faust-streaming')}" in result.stdout
    assert "  ✓ script engines: python" in result.stdout
    assert "  ✓ 5 topics as they should be\n" in result.stdout
    assert result.stderr == "0 sections fail, 0 warnings\n"


def test_a_package_that_is_missing_or_of_another_version_is_a_failure(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["no-such-package>=1", "orjson>=99", "typer>=0; extra == 'cli'", "x>1; extra == 'z'"]
    monkeypatch.setattr(metadata, "requires", {"duly": wanted}.get)
    monkeypatch.setenv("DULY_BROKER", "127.0.0.1:1")
    result = duly("doctor", "--json")
    assert result.exit_code == 4
    found = findings(result, "machine")
    install = "pip install 'duly[worker,cli]'"
    assert ("failure", f"no-such-package>=1 is not installed: {install}") in found
    assert ("failure", f"orjson is {metadata.version('orjson')}, not >=99: {install}") in found
    assert ("ok", f"typer {metadata.version('typer')}") in found


def test_a_wrong_setting_ends_the_examination_with_exit_2(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_PARTITIONS", "many")
    monkeypatch.setenv("DULY_GRACE_MS", "0")
    result = duly("doctor", "--json")
    assert result.exit_code == 2
    found = findings(result, "settings")
    assert [level for level, _ in found] == ["failure", "failure", "note"]
    assert found[-1][1] == "not checked: broker, topics, worker, clock, definitions"
    assert findings(result, "broker") == []


def test_a_misspelt_setting_is_a_warning(duly: Duly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_BROKER", "127.0.0.1:1")
    monkeypatch.setenv("DULY_PARTITION", "3")
    found = findings(duly("doctor", "--json"), "settings")
    assert found[1][0] == "warning"
    assert "did you mean DULY_PARTITIONS?" in found[1][1]


# -- the broker


def test_without_a_broker_the_rest_is_not_looked_at(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_BROKER", "127.0.0.1:1")
    result = duly("doctor")
    assert result.exit_code == 4
    assert "  ✗ no broker serves us at 127.0.0.1:1: is it running, and are " in result.stdout
    *_, failure, note = result.stdout.splitlines()
    assert failure.startswith("  ✗ ")
    assert note == "  · not checked: topics, worker, clock, definitions"
    assert result.stderr == "1 section fails, 0 warnings\n"


@pytest.mark.usefixtures("topics")
def test_an_address_of_no_use_beside_a_good_one_is_a_warning(
    duly: Duly, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        silent = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("DULY_BROKER", f"{silent},{broker}")
        result = duly("doctor", "--json")
    refused = f"{silent}, of DULY_BROKER, does not answer: Connection refused"
    assert ("warning", refused) in findings(result, "broker")
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("versions", "release"),
    [
        ({0: 13, 1: 18, 24: 5}, (4, 1)),
        ({0: 12, 1: 17, 24: 5}, (4, 0)),
        ({0: 11, 1: 17, 24: 5}, (3, 9)),
        ({0: 11, 1: 16, 24: 5}, (3, 8)),
        ({0: 10, 1: 16, 24: 4}, (3, 7)),
        ({0: 9, 1: 15, 24: 4}, (3, 6)),
        ({0: 9, 1: 15, 24: 3}, (3, 5)),
        ({0: 9, 1: 13}, None),
        ({}, None),
    ],
)
def test_the_release_of_a_broker_is_known_by_the_requests_that_it_takes(
    versions: dict[int, int], release: tuple[int, int] | None
) -> None:
    assert release_of(versions) == release


# -- its topics


@pytest.mark.usefixtures("broker")
def test_topics_that_are_not_there_yet_are_warnings(duly: Duly, topic_prefix: str) -> None:
    result = duly("doctor", "--json")
    assert result.exit_code == 0
    found = findings(result, "topics")
    advice = "does not exist: the first worker creates it, or `duly topics apply`"
    assert ("warning", f"{topic_prefix}flow-events.v1 {advice}") in found
    assert found[-1] == ("note", "not checked: worker, clock, definitions")
    assert len(found) == 6
    assert findings(result, "worker") == []


async def stamp_by_producers() -> None:
    """Take LogAppendTime from the events topic, and return when the broker says so."""
    settings, kind = load_worker_settings(), "message.timestamp.type"
    topic = full_name(EVENTS, settings)
    async with admin_client(settings) as admin, asyncio.timeout(10):
        resource = ConfigResource(
            ConfigResourceType.TOPIC,
            topic,
            configs=EVENTS.config() | {kind: "CreateTime"},
        )
        await admin.alter_configs([resource])
        while (await describe_topics(admin, settings))[topic].config[kind] != "CreateTime":
            continue


@pytest.mark.usefixtures("topics")
def test_a_topic_that_would_judge_wrongly_is_a_failure(duly: Duly) -> None:
    asyncio.run(stamp_by_producers())
    result = duly("doctor", "--json")
    assert result.exit_code == 4
    (topic,) = [one for one in findings(result, "topics") if one[0] == "failure"]
    assert "message.timestamp.type is CreateTime, deadlines need LogAppendTime" in topic[1]
    (clock,) = findings(result, "clock")
    assert clock[0] == "warning"
    assert clock[1].startswith("the events topic has no LogAppendTime")


@pytest.mark.usefixtures("topics")
def test_a_topic_that_differs_is_a_warning(duly: Duly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_REPLICATION", "2")
    found = findings(duly("doctor", "--json"), "topics")
    assert [level for level, _ in found] == ["warning"] * 5
    assert found[0][1].endswith(": replication is 1, a new one would have 2")


# -- workers and their lag


def events(*partitions: int) -> list[Sent]:
    return [Sent(EVENTS, partition, b"k", b"{}") for partition in partitions]


async def commit(*offsets: int) -> None:
    """Commit what a worker would have, for each partition."""
    settings = load_worker_settings()
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=settings.broker, group_id=settings.app_id)
    async with consumer:
        topic = full_name(EVENTS, settings)
        places = {TopicPartition(topic, number): at for number, at in enumerate(offsets)}
        consumer.assign(list(places))
        await consumer.commit(places)


@pytest.fixture(autouse=True)
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for no worker of somebody else on this machine."""
    monkeypatch.setenv("DULY_WEB_PORT", "0")


@pytest.mark.usefixtures("topics")
def test_before_the_first_worker_nothing_fails(duly: Duly) -> None:
    result = duly("doctor", "--json")
    name = load_worker_settings().app_id
    assert findings(result, "worker") == [
        ("note", f"group {name}: no worker has run yet"),
        ("ok", "no lag: all records are judged and written"),
    ]


@pytest.mark.usefixtures("topics")
def test_records_that_wait_for_no_worker_are_a_failure(duly: Duly) -> None:
    write(events(0, 0, 0, 1))
    asyncio.run(commit(1, 0))
    result = duly("doctor", "--json", "--no-write")
    assert result.exit_code == 4
    name = load_worker_settings().app_id
    gone, lag = findings(result, "worker")
    assert gone == ("failure", f"group {name}: no worker is running, and 3 records wait")
    assert lag[1].startswith("lag: 3 records on 2 partitions, most on 0 (2); the oldest is ")


@pytest.mark.usefixtures("topics")
def test_a_group_without_members_and_without_lag_is_a_warning(duly: Duly) -> None:
    asyncio.run(commit(0, 0))
    found = findings(duly("doctor", "--json", "--no-write"), "worker")
    assert found[0][0] == "warning"
    assert found[0][1].endswith(": no worker is running, and 0 records wait")


@pytest.mark.usefixtures("topics")
async def test_members_of_the_group_are_named(duly: Duly) -> None:
    settings = load_worker_settings()
    consumer: Any = AIOKafkaConsumer(
        full_name(EVENTS, settings),
        bootstrap_servers=settings.broker,
        group_id=settings.app_id,
        client_id="worker-7",
    )
    async with consumer:
        result = await asyncio.to_thread(duly, "doctor", "--json")
    found = findings(result, "worker")
    assert found[0] == ("ok", f"group {settings.app_id} is Stable: 1 member, worker-7@127.0.0.1")


# -- clocks


@pytest.mark.usefixtures("topics")
def test_the_brokers_clock_is_measured_by_clock_records(duly: Duly) -> None:
    (found,) = findings(duly("doctor", "--json"), "clock")
    assert found[0] == "ok"
    assert re.fullmatch(
        r"the broker's clock is \d+ ms (ahead of|behind) this machine's \(± \d+ ms\)", found[1]
    )
    records = read(EVENTS)
    assert len(records) == 3
    assert all(is_clock_record(record) for record in records)


@pytest.mark.usefixtures("topics")
def test_no_write_appends_nothing(duly: Duly) -> None:
    assert findings(duly("doctor", "--json", "--no-write"), "clock") == []
    assert read(EVENTS) == []


BEHIND = "the broker's clock is 1500 ms behind this machine's (± 5 ms)"


@pytest.mark.parametrize(
    ("offset", "level", "message"),
    [
        (
            ClockOffset(0.4, 1.2),
            "ok",
            "the broker's clock is 0 ms ahead of this machine's (± 1 ms)",
        ),
        (ClockOffset(-900, 5), "ok", "the broker's clock is 900 ms behind this machine's (± 5 ms)"),
        (
            ClockOffset(1003, 5),
            "ok",
            "the broker's clock is 1003 ms ahead of this machine's (± 5 ms)",
        ),
        (
            ClockOffset(-1500, 5),
            "warning",
            f"{BEHIND}; that is more than half of DULY_CLOCK_TOLERANCE_MS: is NTP running on both?",
        ),
    ],
)
def test_clocks_may_differ_by_half_of_what_is_tolerated(
    offset: ClockOffset, level: str, message: str
) -> None:
    assert judge_offset(offset, tolerance_ms=2000) == ("clock", level, message)


# -- definitions


def test_where_nothing_contradicts_that_is_told() -> None:
    (found,) = check_definitions([Definition("f", published=[{"id": "a"}])])
    assert found.message == "1 flow: YAML and what events taught do not contradict each other"


@pytest.mark.usefixtures("topics")
def test_contradictions_on_the_broker_are_warnings(duly: Duly, flow_file: Path) -> None:
    duly("flow", "apply", flow_file)
    write([learned("f", id="b", dep_ids=[]), Sent(DEFINITIONS, 0, b"x", orjson.dumps(["no"]))])
    result = duly("doctor", "--json")
    assert result.exit_code == 0
    first, second, note = findings(result, "definitions")
    assert first == ("ok", "1 flow")
    assert second == ("warning", "f/b: dep_ids is a in YAML, which wins; events teach none")
    assert note[0] == "note"
    assert note[1].startswith("definitions, offset 3: left out: ")
