"""Modules that `import producer_sdk` loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.shared_kafka import ROOT

MOST_MODULES = 130
"""Those of the standard library among them, some of which every service has loaded: 96 on Python 3.11."""


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_it_loads_nothing_of_ours_or_others_that_it_does_not_need() -> None:
    loaded = python("import sys, producer_sdk; print(*sys.modules)").split()
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint(
        ("aiokafka", "asyncio", "faust", "pydantic", "schemas", "ssl", "streams")
    )


def test_it_loads_no_more_modules_than_its_budget() -> None:
    """What an import takes is what it loads; how long that takes is the machine's matter."""
    program = "import sys; had = set(sys.modules); import producer_sdk; print(len(set(sys.modules) - had))"
    assert int(python(program)) <= MOST_MODULES


def test_it_leaves_the_logging_of_its_host_as_it_was() -> None:
    program = (
        "import logging, producer_sdk; root = logging.getLogger(); "
        "print(root.handlers, root.level, logging.getLogger('producer_sdk').handlers)"
    )
    assert python(program) == "[] 30 []"


def test_it_starts_no_thread() -> None:
    assert python("import threading, producer_sdk; print(threading.active_count())") == "1"


@pytest.mark.parametrize("module", ["producer_sdk", "producer_sdk.testing"])
def test_it_works_beside_a_schemas_module_of_the_user(module: str) -> None:
    assert python(f"import sys; sys.modules['schemas'] = None; import {module}; print(1)") == "1"
