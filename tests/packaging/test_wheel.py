"""The built distributions, installed without the sources beside a foreign `schemas.py`."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest

from streams.dev_broker.ports import free_ports
from streams.errors import EXIT_BROKER, EXIT_SETTINGS
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from tests.packaging.conftest import Distributions, Installation

# One worker of the test run builds and installs for all of these.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("packaging")]

PACKAGES = {"producer_sdk", "schemas", "streams"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_wheel_holds_the_three_packages_and_no_tests_benchmarks_or_tools(
    distributions: Distributions,
) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        files = wheel.namelist()
    tops = {name.partition("/")[0] for name in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(files)


def test_the_wheel_carries_its_licence(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        [licence] = [name for name in wheel.namelist() if name.endswith("/LICENSE")]
        assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_has_every_module_of_the_sources(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as wheel:
        packed = {name for name in wheel.namelist() if name.endswith(".py")}
    sources = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert packed == sources | {"streams/examples/shop/shop.py"}


def test_the_sdist_builds_without_the_repository(distributions: Distributions) -> None:
    """The wheel was built from it; it holds the sources and nothing of the workshop."""
    with tarfile.open(distributions.sdist) as sdist:
        tops = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    assert tops >= PACKAGES
    assert not {"tests", "tools", ".venv", ".duly", "benchmarks"} & tops


def test_the_base_install_brings_only_what_the_sdk_needs(base_install: Installation) -> None:
    names = base_install.python(
        "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    )
    brought = {re.sub(r"[-_.]+", "-", name).lower() for name in names.split()}
    of_aiokafka = {"aiokafka", "async-timeout", "packaging", "typing-extensions"}
    assert brought - {"pip", "setuptools"} == {"duly", "orjson"} | of_aiokafka


def test_a_service_imports_the_sdk_beside_its_own_schemas(base_install: Installation) -> None:
    code = "import schemas, producer_sdk; print(schemas.__file__, producer_sdk.ensure.__name__)"
    file, name = base_install.python(code).split()
    assert file == str(base_install.folder / "schemas.py")
    assert name == "ensure"


def test_the_sdk_loads_none_of_the_worker(full_install: Installation) -> None:
    """Even where all is installed."""
    loaded = full_install.python("import sys, producer_sdk; print(*sys.modules)").split()
    assert not {"faust", "pydantic", "schemas", "streams"} & set(loaded)


def test_the_command_tells_its_version(full_install: Installation) -> None:
    done = full_install.run("duly", "--version")
    assert done.returncode == 0, done.stderr
    assert PROJECT["version"] in done.stdout


def test_the_base_install_says_what_the_command_needs(base_install: Installation) -> None:
    done = base_install.run("duly", "--version")
    assert done.returncode != 0
    assert "pip install 'duly[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_shows_how_to_run_a_worker(full_install: Installation) -> None:
    done = full_install.run("duly", "worker", "--help")
    assert done.returncode == 0, done.stderr
    assert "worker" in done.stdout


def test_faust_refuses_to_start_where_a_file_hides_our_package(full_install: Installation) -> None:
    """`python -m` puts the user's folder before the installed packages."""
    done = full_install.run("python", "-m", "faust", "-A", "streams", "worker")
    assert done.returncode == EXIT_SETTINGS
    assert str(full_install.folder / "schemas.py") in done.stderr
    assert "duly worker" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["duly worker", "faust -A streams worker"])
def test_a_worker_runs_where_a_file_could_hide_our_package(
    full_install: Installation, command: str
) -> None:
    """It gets as far as asking for the broker, which is not there."""
    [port] = free_ports(1)
    done = full_install.run(*command.split(), DULY_BROKER=f"127.0.0.1:{port}")
    assert done.returncode == EXIT_BROKER, done.stderr
    assert f"127.0.0.1:{port}" in done.stderr


def test_all_extras_can_be_installed_together(
    distributions: Distributions, base_install: Installation
) -> None:
    extras = ",".join(PROJECT["optional-dependencies"])
    done = base_install.run(
        "pip", "install", "--dry-run", "--quiet", f"{distributions.wheel}[{extras}]"
    )
    assert done.returncode == 0, done.stderr
