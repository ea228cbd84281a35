from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from schemas.topics import TOPICS, topic_name
from streams.kafka.topics import admin_client
from streams.settings import load_settings

if TYPE_CHECKING:
    from tests.cli.conftest import Duly


async def topics_on_broker() -> set[str]:
    async with admin_client(load_settings()) as admin:
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
