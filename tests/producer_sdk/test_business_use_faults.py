"""Faults measured in the SDK of Business-Use (PyPI business-use 0.4.1) do not occur in ours.

Each test has its row in docs/sdk.md. Ours sends to the API of Business-Use here; in the same way, it sends to Kafka.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from producer_sdk import NodeCondition, act, assert_, flush, initialize, shutdown, stats
from producer_sdk.testing import recorded
from tests.producer_sdk.contract_server import API_KEY, ContractServer
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def server() -> Generator[ContractServer]:
    with ContractServer() as server:
        yield server
        shutdown(0)


def run(program: str, server: ContractServer) -> None:
    """Run a program that must end well and have nothing to say."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        cwd=ROOT,
        env={**os.environ, "BUSINESS_USE_URL": server.url, "BUSINESS_USE_API_KEY": API_KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def numbered(count: int) -> list[str]:
    return [f"step-{number}" for number in range(count)]


RECORD = """
from producer_sdk import act, initialize, shutdown
initialize()
for number in range({count}):
    act(f"step-{{number}}", "checkout", "order-1")
"""


def test_events_arrive_from_a_program_that_just_ends(server: ContractServer) -> None:
    run(RECORD.format(count=50), server)
    assert server.nodes() == numbered(50)


def test_shutdown_sends_all_that_waits(server: ContractServer) -> None:
    run(RECORD.format(count=500) + "shutdown()", server)
    assert server.nodes() == numbered(500)


def test_a_forked_child_sends(server: ContractServer) -> None:
    run(
        """
import os
from producer_sdk import act, flush, initialize
initialize()
child = os.fork()
if child == 0:
    for number in range(20):
        act(f"step-{number}", "checkout", "order-1")
    os._exit(0 if flush(10) else 1)
assert os.waitpid(child, 0)[1] == 0
""",
        server,
    )
    assert server.nodes() == numbered(20)


def test_a_burst_arrives_whole(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY)
    for number in range(5_000):
        act(f"step-{number}", "checkout", "order-1")
    assert flush(30)
    assert server.nodes() == numbered(5_000)


def test_a_datetime_costs_nothing(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY)
    when = datetime(2026, 1, 2, tzinfo=UTC)
    for number in range(10):
        act(f"step-{number}", "checkout", "order-1", {"at": when} if number == 5 else {})
    assert flush(10)
    assert server.nodes() == numbered(10)
    assert server.events[5]["data"] == {"at": "2026-01-02T00:00:00+00:00"}


def test_an_object_that_json_lacks_costs_at_most_itself(
    server: ContractServer, lenient: None
) -> None:
    initialize(url=server.url, api_key=API_KEY)
    for number in range(10):
        act(f"step-{number}", "checkout", "order-1", {"x": object() if number == 5 else 1})
    assert flush(10)
    assert server.nodes() == numbered(10)
    assert (stats().delivered, stats().values_made_strings) == (10, 1)


def test_a_server_that_is_down_at_the_start_gets_the_events_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    initialize(url=f"http://127.0.0.1:{port}", api_key=API_KEY)
    act("step-0", "checkout", "order-1")
    assert not flush(0.2)
    with ContractServer(port) as server:
        act("step-1", "checkout", "order-1")
        assert flush(30)
        assert server.nodes() == numbered(2)
        assert shutdown()


def test_ts_is_the_time_of_the_call(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY, batch_interval=60)
    bounds: list[int] = []
    for number in range(3):
        bounds.append(time.time_ns())
        act(f"step-{number}", "checkout", "order-1")
    bounds.append(time.time_ns())
    assert flush(10)
    assert len(server.batches) == 1  # sent together, stamped one by one
    for event, before, after in zip(server.events, bounds, bounds[1:], strict=False):
        assert before <= event["ts"] <= after


def test_functions_are_called_at_once_by_the_caller(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY, batch_interval=60)
    current = "order-A"
    callers: set[int] = set()

    def said(value: Any) -> Any:
        callers.add(threading.get_ident())
        return value

    act(
        "pay",
        "checkout",
        lambda: said(current),
        dep_ids=lambda: said([current]),
        conditions=lambda: said([NodeCondition(5)]),
    )
    current = "order-B"
    assert flush(10)
    [event] = server.events
    assert (event["run_id"], event["dep_ids"]) == ("order-A", ["order-A"])
    assert callers == {threading.get_ident()}


def test_nested_data_is_what_it_was_at_the_call(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY, batch_interval=60)
    data = {"n": {"y": 1}}
    act("pay", "checkout", "order-1", data)
    data["n"]["y"] = 2
    assert flush(10)
    assert server.events[0]["data"] == {"n": {"y": 1}}


def test_a_literal_filter_counts() -> None:
    with recorded() as events:
        act("a", "checkout", "order-1", filter=False)
        act("b", "checkout", "order-1", filter=True)
    assert [event["filter"] for event in events] == [False, True]


def test_filter_and_validator_on_one_line_are_told_apart(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY)
    # fmt: off
    assert_("a", "checkout", "r", {"x": 1}, filter=lambda data, ctx: data["x"] > 0, validator=lambda data, ctx: data["x"] < 9)  # noqa: E501 -- one line is the point
    # fmt: on
    assert flush(10)
    assert server.events[0]["filter"]["script"] == "data['x'] > 0"
    assert server.events[0]["validator"]["script"] == "data['x'] < 9"


def test_constants_of_a_closure_go_along(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY)
    limit, names = 500, ("a", "b")
    assert_(
        "a",
        "checkout",
        "r",
        {"x": 1, "y": "a"},
        validator=lambda data, ctx: data["x"] < limit and data["y"] in names,
    )
    assert flush(10)
    script = server.events[0]["validator"]["script"]
    assert script == "data['x'] < 500 and data['y'] in ('a', 'b')"


def test_the_logging_of_the_host_is_left_alone() -> None:
    program = "import logging, producer_sdk; print(logging.getLogger().handlers)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    assert logging.getLogger("producer_sdk").propagate


def test_an_assert_without_a_validator_stays_one(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY)
    assert_("a", "checkout", "order-1")
    assert flush(10)
    assert server.events[0]["type"] == "assert"


def test_conditions_and_meta_are_in_the_event(server: ContractServer) -> None:
    initialize(url=server.url, api_key=API_KEY)
    act("a", "f", "r", conditions=[NodeCondition(timeout_ms=5)], additional_meta={"team": "a"})
    assert flush(10)
    assert server.events[0]["conditions"] == [{"timeout_ms": 5}]
    assert server.events[0]["additional_meta"] == {"team": "a"}


def test_a_server_error_is_no_loss(server: ContractServer) -> None:
    server.answers.append((500, b""))
    initialize(url=server.url, api_key=API_KEY)
    act("step-0", "checkout", "order-1")
    assert flush(10)
    assert server.nodes() == numbered(1)


def test_every_fault_has_its_row_in_the_docs() -> None:
    page = (ROOT / "docs" / "sdk.md").read_text()
    named = re.findall(r"\| `(test_\w+)` \|", page)
    here = [name for name in globals() if name.startswith("test_")]
    assert named == [name for name in here if name != "test_every_fault_has_its_row_in_the_docs"]
