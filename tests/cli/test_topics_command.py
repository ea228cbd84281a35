from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.topics import TOPICS, topic_name
from streams.kafka.topics import admin_client, describe_topics
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from tests.support.command_line import Duly


async def topics_on_broker() -> set[str]:
    async with admin_client(load_worker_settings()) as admin:
        return set(await admin.list_topics())


def test_apply_creates_what_is_missing_and_names_it(
    broker: str, topic_prefix: str, duly: Duly
) -> None:
    names = {topic_name(t.name, topic_prefix, app_id=f"{topic_prefix}app") for t in TOPICS}
    first = duly("topics", "apply")
    assert first.exit_code == 0
    assert set(first.stdout.split()) == names
    assert first.stderr.startswith(f"5 topics created on {broker}")
    assert names <= asyncio.run(topics_on_broker())
    again = duly("topics", "apply")
    assert (again.exit_code, again.stdout) == (0, "")


@pytest.mark.usefixtures("topics")
def test_a_topic_that_would_judge_wrongly_is_refused(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_PARTITIONS", "3")
    result = duly("topics", "apply")
    assert result.exit_code == 4
    assert "has 2 partitions, this worker needs 3: set DULY_PARTITIONS=2" in result.stderr


def test_without_a_broker_the_error_says_where_it_was_looked_for(
    duly: Duly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_BROKER", "127.0.0.1:1")
    result = duly("topics", "apply")
    assert result.exit_code == 4
    assert result.stderr.startswith("error: no Kafka broker serves us at 127.0.0.1:1 ")
    assert "Traceback" not in result.stderr


def test_a_wrong_setting_is_a_usage_error(duly: Duly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_PARTITIONS", "many")
    result = duly("topics", "apply")
    assert result.exit_code == 2
    assert "DULY_PARTITIONS" in result.stderr


def test_a_plan_names_what_would_be_created_and_creates_nothing(
    broker: str, topic_prefix: str, duly: Duly
) -> None:
    result = duly("topics", "plan")
    assert result.exit_code == 0
    assert f"+ {topic_prefix}flow-events.v1: would be created\n    partitions " in result.stdout
    assert "    message.timestamp.type  LogAppendTime\n" in result.stdout
    assert result.stderr == f"on {broker}: 5 topics to create, 0 differing, 0 refused\n"
    assert not [name for name in asyncio.run(topics_on_broker()) if name.startswith(topic_prefix)]


def test_a_plan_for_topics_that_are_right_has_nothing_to_do(topics: str, duly: Duly) -> None:
    result = duly("topics", "plan")
    assert result.exit_code == 0
    assert result.stdout.count(": is right\n") == len(TOPICS)
    assert result.stderr == f"on {topics}: 0 topics to create, 0 differing, 0 refused\n"


async def keep_for_a_second(topic: str) -> None:
    """Change the retention of a topic, and return when the broker says so."""
    settings = load_worker_settings()
    changed = {"retention.ms": "1000"}
    async with admin_client(settings) as admin, asyncio.timeout(10):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=changed)
        await admin.alter_configs([resource])
        while (await describe_topics(admin, settings))[topic].config["retention.ms"] != "1000":
            continue


@pytest.mark.usefixtures("topics")
def test_a_plan_shows_what_differs_and_would_stay(duly: Duly, topic_prefix: str) -> None:
    name = f"{topic_prefix}flow-verdicts.v1"
    asyncio.run(keep_for_a_second(name))
    (differing,) = [
        topic
        for topic in json.loads(duly("topics", "plan", "--json").stdout)
        if topic["topic"] == name
    ]
    assert differing["action"] == "keep"
    assert {"setting": "retention.ms", "wanted": "2592000000", "found": "1000"} in differing[
        "differences"
    ]
    result = duly("topics", "plan")
    assert result.exit_code == 0
    assert f"~ {name}: differs, and would not be changed\n" in result.stdout
    assert re.search(r"\n    retention\.ms +is 1000 +a new one: 2592000000\n", result.stdout)


@pytest.mark.usefixtures("topics")
def test_a_plan_ends_as_apply_would_where_a_topic_is_refused(
    duly: Duly, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_PARTITIONS", "3")
    result = duly("topics", "plan")
    assert result.exit_code == 4
    refusal = f"✗ {topic_prefix}flow-events.v1: has 2 partitions, this worker needs 3: set "
    assert refusal in result.stdout
    assert f"= {topic_prefix}flow-definitions.v1: is right\n" in result.stdout
