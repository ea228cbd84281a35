"""The pytest plugin: fixtures that judge what a test recorded, by the engine of the worker.

pytest loads this module in every session in which Duly is installed. So it stands in the one package
that nobody else has, and loads the judge by name, when a fixture is used.
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
    """The sandbox that runs validators and filters, for the whole session."""
    try:
        sandbox: SyncSandbox = _testing().start_sandbox()
    except ImportError as error:
        pytest.fail(f"this fixture needs {error.name}: pip install 'duly[pytest]'", pytrace=False)
    with sandbox:
        yield sandbox


@pytest.fixture
def flow_run(duly_scripts: SyncSandbox) -> Generator[FlowRun]:
    """What the test records with the SDK instead of sending it, and the verdicts on it."""
    with _testing().recorded_flow(duly_scripts) as run:
        yield run


@pytest.fixture
def assert_flow(flow_run: FlowRun) -> Callable[..., Verdict]:
    """`assert_flow(flow, run_id, status="passed")`: assert how a run of this test ends."""
    return flow_run.assert_flow


def _testing() -> Any:
    return import_module("streams.testing")
