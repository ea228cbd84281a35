"""The wheel and the sdist, built once, and clean environments that they are installed into."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 300


@dataclass(frozen=True)
class Distributions:
    """What `python -m build` makes."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Installation:
    """A virtual environment, used from a folder of a user who has a `schemas.py` of their own."""

    environment: Path
    folder: Path

    def run(
        self, program: str, *arguments: str, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the user's folder."""
        return subprocess.run(
            [self.environment / "bin" / program, *arguments],
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=_without_duly_settings() | variables,
            text=True,
            timeout=TIMEOUT_S,
        )

    def python(self, code: str) -> str:
        """Run Python code there and return what it prints; fail with what it says on stderr."""
        done = self.run("python", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The sdist of the sources, and the wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    _check(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT))
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@pytest.fixture(scope="session")
def base_install(
    distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """What a service gets that installs `duly` to send events."""
    return _install(str(distributions.wheel), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def full_install(
    distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """What an operator gets who installs `duly[cli]`, and with it the worker."""
    return _install(f"{distributions.wheel}[cli]", tmp_path_factory.mktemp("full"))


def _install(requirement: str, folder: Path) -> Installation:
    environment, user = folder / "environment", folder / "user"
    _check(sys.executable, "-m", "venv", str(environment))
    _check(str(environment / "bin" / "pip"), "install", "--quiet", requirement)
    user.mkdir()
    (user / "schemas.py").write_text('"""The schemas of a user, who does not know ours."""\n')
    return Installation(environment, user)


def _check(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def _without_duly_settings() -> dict[str, str]:
    """Return our environment without settings of Duly, nor a path to its sources."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DULY_", "PYTHON"))
    }
