"""pytest plugin: fixtures that judge recorded events with the worker's engine.

pytest loads this module in every session where Duly is installed. So it stands in the one package
whose name nobody else has, and loads the engine by name when a fixture is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from streams.testing import FlowRun, SyncSandbox, Verdict


@pytest.fixture(scope="session")
def duly_scripts() -> Generator[SyncSandbox]:
    """The sandbox for validators and filters, for the whole session."""
    try:
        sandbox: SyncSandbox = _testing().start_sandbox()
    except ImportError as error:
        pytest.fail(f"this fixture needs {error.name}: pip install 'duly[pytest]'", pytrace=False)
    with sandbox:
        yield sandbox


@pytest.fixture
def flow_run(duly_scripts: SyncSandbox) -> Generator[FlowRun]:
    """The events that the test records with the SDK, and the verdicts on them."""
    with _testing().recorded_flow(duly_scripts) as run:
        yield run


@pytest.fixture
def assert_flow(flow_run: FlowRun) -> Callable[..., Verdict]:
    """`assert_flow(flow, run_id, status="passed")`: assert how a run of this test ends."""
    return flow_run.assert_flow


def _testing() -> Any:
    return import_module("streams.testing")
