"""The published server of Business-Use accepts, stores and judges what we send over HTTP.

To that server a node belongs to one flow: one of the same name in another flow would move there. So
each flow has nodes of its own here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from producer_sdk import act, assert_, flush, initialize, shutdown, stats
from tests.producer_sdk.business_use_server import API_KEY, BusinessUseServer, ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator

# Its installation is a download, the first time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("business-use")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[BusinessUseServer]:
    try:
        server = BusinessUseServer(tmp_path_factory.mktemp("business-use"))
    except ServerUnavailable as reason:
        pytest.skip(str(reason))
    with server:
        yield server


@pytest.fixture
def server(running: BusinessUseServer) -> Generator[BusinessUseServer]:
    """The server, and an SDK that sends to it."""
    initialize(url=running.url, api_key=API_KEY)
    yield running
    shutdown(0)


def verdict(server: BusinessUseServer, flow: str, status: str) -> dict[str, Any]:
    """Wait until the newest verdict on a flow has a status, and return its nodes."""

    def is_right(outputs: list[dict[str, Any]]) -> bool:
        return bool(outputs) and outputs[0]["output"]["status"] == status

    newest = server.wait_for(f"/v1/eval-outputs?name={flow}&limit=1", is_right)[0]
    return {node["node_id"]: node for node in newest["output"]["exec_info"]}


def test_events_are_stored_as_they_were_recorded(server: BusinessUseServer) -> None:
    before = time.time_ns()
    act("cart", "stored", "order-1", {"total": 60, "items": [{"sku": "HX-99"}]})
    act("pay", "stored", "order-1", {"amount": 60}, dep_ids=["cart"])
    assert flush(30)
    pay, cart = server.get("/v1/events?flow=stored")
    assert (cart["node_id"], cart["run_id"], cart["type"]) == ("cart", "order-1", "act")
    assert cart["data"] == {"total": 60, "items": [{"sku": "HX-99"}]}
    assert before <= cart["ts"] <= pay["ts"] <= time.time_ns()


def test_a_run_is_judged_by_its_validators_and_dependencies(server: BusinessUseServer) -> None:
    act("judged-cart", "judged", "order-1", {"total": 60})
    assert_(
        "judged-pay",
        "judged",
        "order-1",
        {"amount": 60},
        dep_ids=["judged-cart"],
        validator=lambda data, ctx: ctx["deps"][0]["data"]["total"] == data["amount"],
    )
    assert flush(30)
    nodes = verdict(server, "judged", "passed")
    assert {node: said["status"] for node, said in nodes.items()} == {
        "judged-cart": "passed",
        "judged-pay": "passed",
    }


def test_a_rule_that_does_not_hold_fails_its_node(server: BusinessUseServer) -> None:
    assert_(
        "wrong-pay",
        "wrong",
        "order-1",
        {"amount": -1},
        validator=lambda data, ctx: data["amount"] > 0,
    )
    assert flush(30)
    assert verdict(server, "wrong", "failed")["wrong-pay"]["status"] == "failed"


def test_a_full_batch_is_stored_once_and_judged(server: BusinessUseServer) -> None:
    for number in range(50):
        act("batch-step", "batch", f"order-{number}")
    assert flush(60)
    assert len(server.get("/v1/events?flow=batch&limit=500")) == 50
    judged = all_judged(server, "batch", 50)
    assert {output["output"]["status"] for output in judged} == {"passed"}


def test_a_burst_arrives_whole_though_the_server_answers_500_to_a_part_of_it(
    server: BusinessUseServer,
) -> None:
    for number in range(200):
        act("burst-step", "burst", f"order-{number}")
    assert flush(60)
    stored = server.get("/v1/events?flow=burst&limit=5000")
    assert {event["run_id"] for event in stored} == {f"order-{number}" for number in range(200)}
    assert stats().delivered == 200
    all_judged(server, "burst", 200)


def all_judged(server: BusinessUseServer, flow: str, runs: int) -> list[dict[str, Any]]:
    """Wait until so many runs of a flow have a verdict, and return all verdicts."""

    def is_right(outputs: list[dict[str, Any]]) -> bool:
        return len({output["run_id"] for output in outputs}) == runs

    return server.wait_for(f"/v1/eval-outputs?name={flow}&limit=5000", is_right)


def test_a_wrong_key_is_said_and_the_events_wait(
    server: BusinessUseServer, caplog: pytest.LogCaptureFixture
) -> None:
    shutdown(0)
    initialize(url=server.url, api_key="another")
    act("cart", "refused", "order-1")
    assert not flush(1)
    assert "does not accept api_key" in caplog.text
    assert stats().waiting == 1
