"""Delivery over HTTP, to a server that holds the SDK to Business-Use's contract."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from producer_sdk import NodeCondition, act, assert_, flush, initialize, shutdown, stats
from producer_sdk._client import client
from producer_sdk._config import Config, resolve
from producer_sdk._transport import backoff
from producer_sdk._transport.business_use_scripts import as_expression
from tests.producer_sdk.contract_server import API_KEY, ContractServer

if TYPE_CHECKING:
    from collections.abc import Generator

LIMIT = 5


@pytest.fixture
def server() -> Generator[ContractServer]:
    with ContractServer() as server:
        yield server
        shutdown(0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "_FIRST_S", 0.02)


def start(server: ContractServer, **settings: Any) -> None:
    initialize(url=server.url, api_key=API_KEY, **settings)


def test_an_event_is_an_item_of_the_contract(server: ContractServer) -> None:
    start(server)
    assert_(
        "pay",
        "checkout",
        "order-1",
        {"amount": 6},
        dep_ids=["cart"],
        conditions=[NodeCondition(timeout_ms=5_000)],
        validator=lambda data, ctx: data["amount"] > LIMIT,
        filter=lambda event, context: event["amount"] > 0,
        description="paid",
    )
    assert flush(10)
    [item] = server.events
    assert (item["flow"], item["id"], item["run_id"]) == ("checkout", "pay", "order-1")
    assert (item["type"], item["data"], item["dep_ids"]) == ("assert", {"amount": 6}, ["cart"])
    assert item["validator"] == {"engine": "python", "script": "data['amount'] > 5"}
    assert item["filter"] == {"engine": "python", "script": "data['amount'] > 0"}
    assert item["conditions"] == [{"timeout_ms": 5_000}]
    assert "node" not in item
    assert abs(item["ts"] - time.time_ns()) < 10**10
    assert server.headers["x-api-key"] == API_KEY


def test_batches_have_the_size_asked_for_and_keep_the_order(server: ContractServer) -> None:
    start(server, batch_size=40)
    for number in range(100):
        act(f"step-{number}", "checkout", "order-1")
    assert flush(10)
    assert server.nodes() == [f"step-{number}" for number in range(100)]
    assert [len(batch) for batch in server.batches] == [40, 40, 20]
    assert stats().delivered == stats().recorded == 100


def test_batches_are_no_larger_than_the_server_judges_and_that_is_said_once(
    server: ContractServer, caplog: pytest.LogCaptureFixture
) -> None:
    start(server, batch_size=100)
    for number in range(120):
        act(f"step-{number}", "checkout", "order-1")
    assert flush(10)
    assert [len(batch) for batch in server.batches] == [50, 50, 20]
    assert [text for text in caplog.messages if "batch_size=100 is reduced to 50" in text] == (
        caplog.messages
    )
    assert len(caplog.messages) == 1


def test_events_are_gathered_until_the_interval_ends_or_a_flush_asks(
    server: ContractServer,
) -> None:
    start(server, batch_interval=60)
    for number in range(3):
        act(f"step-{number}", "checkout", "order-1")
    assert server.requests == 0
    assert flush(10)
    assert [len(batch) for batch in server.batches] == [3]


def test_a_literal_filter_excludes_the_event_and_not_its_node(server: ContractServer) -> None:
    start(server)
    act("a", "checkout", "order-1", filter=False)
    act("b", "checkout", "order-1", filter=True)
    assert flush(10)
    assert server.nodes() == ["b"]
    assert "filter" not in server.events[0]
    assert (stats().delivered, stats().dropped_excluded) == (1, 1)


@pytest.mark.parametrize("names_positions", [True, False])
def test_only_the_item_that_the_server_refuses_is_lost(
    server: ContractServer, lenient: None, caplog: pytest.LogCaptureFixture, names_positions: bool
) -> None:
    server.names_positions = names_positions
    start(server)
    for number in range(20):
        act(f"step-{number}", "checkout", "order-1", {"poison": number in {3, 11}})
    assert flush(10)
    assert server.nodes() == [f"step-{number}" for number in range(20) if number not in {3, 11}]
    assert (stats().delivered, stats().dropped_refused) == (18, 2)
    assert "events as invalid, and they are lost" in caplog.text


def test_a_server_that_takes_less_gets_smaller_batches(
    server: ContractServer, lenient: None
) -> None:
    server.max_bytes = 10_000
    start(server)
    for number in range(20):
        act(f"step-{number}", "checkout", "order-1", {"x": "x" * (11_000 if number == 7 else 900)})
    assert flush(10)
    assert server.nodes() == [f"step-{number}" for number in range(20) if number != 7]
    assert (stats().delivered, stats().dropped_too_big) == (19, 1)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_what_may_pass_is_tried_again(
    server: ContractServer, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    server.answers.extend([(status, b"")] * 3)
    start(server)
    act("a", "checkout", "order-1")
    assert flush(10)
    assert server.nodes() == ["a"]
    assert server.requests == 4
    shutdown()
    assert f"the server answers {status}" in caplog.text
    assert f"events are delivered to {server.url} again" in caplog.text


def test_a_server_that_is_down_at_start_is_tried_until_it_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    initialize(url=f"http://127.0.0.1:{port}", api_key=API_KEY)
    act("a", "checkout", "order-1")
    assert not flush(0.3)
    assert f"events are not delivered to http://127.0.0.1:{port}" in caplog.text
    assert API_KEY not in caplog.text
    with ContractServer(port) as server:
        assert flush(10)
        assert server.nodes() == ["a"]
        assert shutdown()


def test_a_connection_that_the_server_has_closed_is_opened_anew_without_a_word(
    server: ContractServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.keeps_connections = False
    start(server)
    for number in range(3):
        act(f"step-{number}", "checkout", "order-1")
        assert flush(10)
    assert server.nodes() == ["step-0", "step-1", "step-2"]
    assert caplog.messages == []


def test_a_path_of_the_url_stands_before_the_route(server: ContractServer, lenient: None) -> None:
    initialize(url=f"{server.url}/tenant/", api_key=API_KEY)
    act("a", "checkout", "order-1")
    assert not flush(0.3)
    assert server.requests > 0
    assert server.batches == []  # /tenant/v1/events-batch is not there


# --- Settings

WITH_KEY = {"api_key": "k"}


@pytest.mark.parametrize(
    ("arguments", "environment", "url", "key"),
    [
        ({"url": "https://h/x/", "api_key": "k"}, {}, "https://h/x", "k"),
        ({}, {"DULY_URL": "http://h:1", "DULY_API_KEY": "k"}, "http://h:1", "k"),
        ({}, {"BUSINESS_USE_URL": "http://h:1", "BUSINESS_USE_API_KEY": "k"}, "http://h:1", "k"),
        ({}, {"BUSINESS_USE_API_KEY": "b", "DULY_API_KEY": "d"}, "http://localhost:13370", "d"),
        (WITH_KEY, {}, "http://localhost:13370", "k"),
    ],
)
def test_url_and_key_come_from_arguments_our_variables_or_theirs(
    arguments: dict[str, Any], environment: dict[str, str], url: str, key: str
) -> None:
    resolved = resolve(arguments, environment)
    assert (resolved.config.url, resolved.config.api_key) == (url, key)
    assert (resolved.problems, resolved.obstacle) == ([], None)


def test_a_broker_means_kafka() -> None:
    given = {"bootstrap_servers": "b:1", "url": "http://h:1", "api_key": "k"}
    assert resolve(given, {}).config.destination == "Kafka at b:1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "h:1", "api_key": "k"}, "url must be http:// or https://"),
        ({"url": "http://h:x", "api_key": "k"}, "url must be http:// or https://"),
        ({"url": "http://u:p@h", "api_key": "k"}, "url must be http:// or https://"),
        ({"url": "http://h?a=b", "api_key": "k"}, "url must be http:// or https://"),
        ({"url": "http://h"}, "url needs a key"),
        ({"url": "http://h", "api_key": "a\nb"}, "api_key must be a text of visible ASCII"),
        ({"url": "http://h", "apikey": "k"}, "there is no setting apikey; was api_key meant?"),
    ],
)
def test_nothing_is_sent_where_it_would_go_elsewhere(
    lenient: None, caplog: pytest.LogCaptureFixture, arguments: dict[str, Any], message: str
) -> None:
    initialize(**arguments)
    assert message in caplog.text
    assert "nothing is sent" in caplog.text
    assert "a\nb" not in caplog.text


def test_arguments_of_business_use_are_taken_by_their_names() -> None:
    initialize(api_key="k", url="http://h:1", batch_size=7, batch_interval=2, max_queue_size=70)
    expected = Config(
        url="http://h:1", api_key="k", batch_size=7, batch_interval=2, max_queue_events=70
    )
    assert client._config == expected
    assert "'k'" not in repr(client._config)


# --- CapturedScripts


@pytest.mark.parametrize(
    ("script", "expression"),
    [
        ("def validate(data, ctx):\n    return data['x'] > 0", "data['x'] > 0"),
        ("def validate(d, c):\n    L = 5\n    return d['x'] > L", "data['x'] > 5"),
        ("def v(ctx, data):\n    return ctx['x'] > data['y']", "data['x'] > ctx['y']"),
        ("def v(d, c):\n    A = (-1, 'x')\n    return d['x'] in A", "data['x'] in (-1, 'x')"),
    ],
)
def test_a_function_that_is_one_expression_becomes_it(script: str, expression: str) -> None:
    assert as_expression(script) == expression


@pytest.mark.parametrize(
    "body",
    [
        "x = d['x']\n    return x > 0",
        "if d:\n        return True\n    return False",
        "return [d for d in c['deps']] == []",
        "return all((lambda data: data)(x) for x in d)",
        "return",
    ],
)
def test_a_function_that_is_more_stays_what_it_is(body: str) -> None:
    script = f"def validate(d, c):\n    {body}"
    assert as_expression(script) == script


def test_a_function_that_is_nested_too_deeply_to_be_read_stays_what_it_is() -> None:
    script = f"def validate(d, c):\n    return {'-' * 5_000}1 < 2"
    assert as_expression(script) == script
