"""The pytest plugin as a service uses it: real pytest sessions, judged by the real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SHOP = """
import pytest
from producer_sdk import NodeCondition, act, assert_, run

def check_out(amount=60, pay=True, pause=None):
    with run("checkout", "order-1"):
        act("cart", data={"total": 60})
        if pause:
            pause()
        if pay:
            assert_(
                "pay",
                data={"amount": amount},
                dep_ids=["cart"],
                conditions=[NodeCondition(timeout_ms=5_000)],
                validator=lambda data, ctx: data["amount"] == ctx["data"]["total"],
            )
"""

FLOW = """
flow: checkout
nodes:
  - id: cart
  - id: pay
    dep_ids: [cart]
  - id: ship
    dep_ids: [pay]
    conditions: [{timeout_ms: 60000}]
"""


def session(folder: Path, tests: str) -> str:
    """Run pytest on a test file of a service and return what it prints."""
    (folder / "test_shop.py").write_text(SHOP + tests)
    (folder / "checkout.yaml").write_text(FLOW)
    command = [sys.executable, "-m", "pytest", "-q", "test_shop.py"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", folder],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_runs_that_end_as_they_should_pass(tmp_path: Path) -> None:
    output = session(
        tmp_path,
        """
def test_passed(flow_run, assert_flow):
    check_out()
    verdict = assert_flow("checkout", "order-1")
    assert [node["node"] for node in verdict["nodes"]] == ["cart", "pay"]
    assert [event["node"] for event in flow_run.events] == ["cart", "pay"]

def test_a_validator_fails(assert_flow):
    check_out(amount=59)
    [cause] = assert_flow("checkout", "order-1", "failed")["causes"]
    assert (cause["node"], cause["kind"]) == ("pay", "validator")

def test_an_event_comes_too_late(flow_run, assert_flow):
    check_out(pause=lambda: flow_run.later(7_000))
    [cause] = assert_flow("checkout", "order-1", "failed")["causes"]
    assert (cause["node"], cause["kind"]) == ("pay", "late")

def test_an_event_that_is_owed_never_comes(flow_run, assert_flow):
    flow_run.define("checkout.yaml")
    check_out()
    [cause] = assert_flow("checkout", "order-1", "failed")["causes"]
    assert (cause["node"], cause["kind"]) == ("ship", "timeout")

def test_a_run_is_incomplete(flow_run, assert_flow):
    flow_run.define("checkout.yaml")
    check_out(pay=False)
    assert_flow("checkout", "order-1", status="incomplete")

def test_each_test_has_its_own_runs(flow_run):
    assert flow_run.events == []
    assert flow_run.verdict("checkout", "order-1") is None

async def coroutine(assert_flow):
    check_out()
    assert_flow("checkout", "order-1")

def test_in_a_running_loop(assert_flow):
    import asyncio
    asyncio.run(coroutine(assert_flow))
""",
    )
    assert "7 passed" in output, output


def test_what_the_page_shows_works(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "sdk-testing.md").read_text()
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "checkout.yaml").write_text(FLOW)
    output = session(tmp_path, page.split("```text\n")[1].split("```")[0])
    assert "3 passed" in output, output


def test_a_run_that_ends_otherwise_fails_its_test_and_says_why(tmp_path: Path) -> None:
    output = session(
        tmp_path,
        """
def test_failed(assert_flow):
    check_out(amount=59)
    assert_flow("checkout", "order-1")

def test_another_run(assert_flow):
    check_out()
    assert_flow("checkout", "order-2")
""",
    )
    assert "2 failed" in output
    assert "run order-1 of checkout should be passed, but it is failed" in output
    assert "validator: pay" in output
    assert "recorded in this run: cart, pay" in output
    assert "run order-2 of checkout should be passed, but there is no verdict" in output
    assert "recorded too: run order-1 of checkout" in output


def test_a_mistake_in_a_call_raises_in_the_test(tmp_path: Path) -> None:
    output = session(
        tmp_path,
        """
def test_mistake(flow_run):
    act("cart", "checkout", "order-1", validator=print)
""",
    )
    assert "UsageError" in output


def test_it_loads_the_sdk_alone_before_a_fixture_is_used(tmp_path: Path) -> None:
    (tmp_path / "schemas.py").write_text('"""A module of the user."""\n')
    program = "import sys, producer_sdk.pytest_plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"streams", "schemas", "aiokafka", "pydantic", "faust"})


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys; sys.modules['yaml'] = None\n")
    output = session(tmp_path, "def test_any(flow_run): pass\n")
    assert "pip install 'duly[pytest]'" in output


@pytest.mark.parametrize("module", ["faust", "pydantic_settings", "prometheus_client"])
def test_judging_needs_no_worker(tmp_path: Path, module: str) -> None:
    (tmp_path / "conftest.py").write_text(f"import sys; sys.modules['{module}'] = None\n")
    output = session(
        tmp_path,
        "def test_any(assert_flow):\n    check_out()\n    assert_flow('checkout', 'order-1')\n",
    )
    assert "1 passed" in output, output
