"""A worker starts only beside the Faust and the aiokafka that it overrides."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from streams.errors import EXIT_SETTINGS, WrongVersion
from streams.faust_batches.versions import VERSIONS, check_versions
from tests.support.shared_kafka import ROOT
from tests.support.workers import DULY, FAUST

if TYPE_CHECKING:
    from pathlib import Path


def test_the_versions_are_those_that_the_worker_extra_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    worker = project["optional-dependencies"]["worker"]
    pins = dict(pin.split("==") for pin in worker if pin.split("==")[0] in VERSIONS)
    assert pins == VERSIONS


def test_the_sdk_alone_takes_a_range_of_aiokafka() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "aiokafka>=0.14,<1" in project["dependencies"]


def test_what_is_installed_here_is_right() -> None:
    check_versions()


def test_every_package_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(_name: str) -> str:
        return "0.0.1"

    monkeypatch.setattr("streams.faust_batches.versions.version", version)
    with pytest.raises(WrongVersion) as refused:
        check_versions()
    assert str(refused.value).endswith(
        "pip install " + " ".join(f"'{name}=={expected}'" for name, expected in VERSIONS.items())
    )


@pytest.mark.parametrize("program", [FAUST, DULY])
@pytest.mark.parametrize("package", VERSIONS)
def test_a_worker_beside_another_version_says_so_and_does_not_start(
    tmp_path: Path, package: str, program: str
) -> None:
    about = tmp_path / f"{package.replace('-', '_')}-0.99.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.99.0\n")
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
            "DULY_BROKER": "127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (EXIT_SETTINGS, "")
    assert ended.stderr == (
        f"duly: {package} 0.99.0 is installed, this worker is built for {VERSIONS[package]}: "
        f"pip install '{package}=={VERSIONS[package]}'\n"
    )
