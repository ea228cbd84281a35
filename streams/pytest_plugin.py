"""The pytest plugin: fixtures that judge what a test recorded, by the engine of the worker.

pytest loads this module in every session in which Duly is installed, so it imports nothing of ours
before a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from streams.testing import FlowRun, Scripts, Verdict


@pytest.fixture(scope="session")
def duly_scripts() -> Generator[Scripts]:
    """The sandbox that runs validators and filters, for the whole session."""
    try:
        from streams.testing import Scripts  # noqa: PLC0415 -- see above
    except ImportError as error:
        pytest.fail(f"this fixture needs {error.name}: pip install 'duly[pytest]'", pytrace=False)
    scripts = Scripts()
    yield scripts
    scripts.close()


@pytest.fixture
def flow_run(duly_scripts: Scripts) -> Generator[FlowRun]:
    """What the test records with the SDK instead of sending it, and the verdicts on it."""
    from streams.testing import recorded_flow  # noqa: PLC0415 -- see above

    with recorded_flow(duly_scripts) as run:
        yield run


@pytest.fixture
def assert_flow(flow_run: FlowRun) -> Callable[..., Verdict]:
    """`assert_flow(flow, run_id, status="passed")`: assert how a run of this test ends."""
    return flow_run.assert_flow
