"""The SDK under test: what it would hide from its host is raised, unless a test asks otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from producer_sdk._client import client
from producer_sdk._counters import Counters
from producer_sdk._guard import guard
from producer_sdk.testing import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from producer_sdk._config import Config
    from producer_sdk._queue import EventQueue

Recording = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _fresh_sdk(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Give each test an SDK that is strict and not initialized, and end what it started."""
    for name in ("DULY_BROKER", "DULY_TOPIC_PREFIX", "DULY_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    guard.reset()
    guard.strict = True
    yield
    guard.strict = False
    client.shutdown(0)


@pytest.fixture
def lenient() -> None:
    """Make the SDK behave as it does in a service: count and log, never raise."""
    guard.strict = False


@pytest.fixture
def events() -> Generator[Recording]:
    """What the calls of a test recorded; mistakes raise."""
    with recorded() as recording:
        yield recording


@pytest.fixture
def lenient_events(lenient: None) -> Generator[Recording]:
    """What the calls of a test recorded; mistakes are counted and logged."""
    with recorded(strict=False) as recording:
        yield recording


@pytest.fixture
def make_queue() -> Callable[..., EventQueue]:
    """Make queues with counts of their own."""
    from producer_sdk._queue import EventQueue

    def make(max_events: int = 1_000, max_bytes: int = 1 << 20) -> EventQueue:
        return EventQueue(max_events, max_bytes, Counters())

    return make


@pytest.fixture
def make_config() -> Callable[..., Config]:
    """Make configurations for a broker that nobody asks."""
    from producer_sdk._config import resolve

    def make(**settings: Any) -> Config:
        return resolve({"bootstrap_servers": "localhost:1", **settings}, {}).config

    return make
