"""The server of Business-Use as it is published, in an environment of its own that is kept."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = "business-use-core==0.7.0"
API_KEY = "the-key"
_FOLDER = ROOT / ".duly" / "business-use-server"
_INSTALL_S = 100
_MIGRATE_S = 60
_START_S = 30
_STOP_S = 10


class ServerUnavailable(Exception):
    """The server cannot be had here; says what is missing."""


class BusinessUseServer:
    """A server on a free port, with a database of its own; ends with its `with`.

    Args:
        folder: for its database and its log.

    Raises:
        ServerUnavailable: it cannot be installed.
    """

    def __init__(self, folder: Path) -> None:
        self._program = _installed()
        self._log = folder / "server.log"
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "BUSINESS_USE_API_KEY": API_KEY,
            "BUSINESS_USE_DATABASE_PATH": str(folder / "db.sqlite"),
        }
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            self._port: int = reserved.getsockname()[1]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._run("db", "migrate")
        command = [self._program, "server", "prod", "--host", "127.0.0.1"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port), "--workers", "1"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_for("/health", lambda answer: answer["status"] == "ok", _START_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get(self, route: str) -> Any:
        """Return what the server answers."""
        answer = httpx.get(self.url + route, headers={"X-Api-Key": API_KEY}, timeout=10)
        return answer.raise_for_status().json()

    def wait_for(self, route: str, is_right: Callable[[Any], bool], timeout_s: float = 20) -> Any:
        """Ask again until the answer is right, and return it; fails with the last one."""
        until, answer = time.monotonic() + timeout_s, None
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                answer = self.get(route)
                if is_right(answer):
                    return answer
            time.sleep(0.1)  # it tells nobody that it is done
        raise AssertionError(
            f"{route} answers {answer}; its log ends:\n{self._log.read_text()[-500:]}"
        )

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [self._program, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_MIGRATE_S,
        )


def _installed() -> str:
    """Return the path of its program; installs it at the first time."""
    python = next(_pythons(), None)
    if python is None:
        raise ServerUnavailable(f"{PACKAGE} needs Python 3.12 or newer, and none is here")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    environment = _FOLDER / PACKAGE
    program, done = environment / "bin" / "business-use", environment / "installed"
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers of this test run want it too
        if not done.exists():
            shutil.rmtree(environment, ignore_errors=True)
            _install(python, environment)
            done.touch()
    return str(program)


def _install(python: str, environment: Path) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", PACKAGE]
    try:
        for command in ([python, "-m", "venv", str(environment)], pip):
            subprocess.run(command, capture_output=True, check=True, timeout=_INSTALL_S, text=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ServerUnavailable(
            f"{PACKAGE} cannot be installed: {error}; {error.stderr}"
        ) from error


def _pythons() -> Iterator[str]:
    """Return what may run it: this Python, those on the path, those of pyenv."""
    if sys.version_info >= (3, 12):
        yield sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in ("3.12", "3.13"):
        named = [shutil.which(f"python{version}")]
        for found in [*named, *map(str, pyenv.glob(f"{version}.*/bin/python"))]:
            if found is not None and _runs(found):
                yield found


def _runs(python: str) -> bool:
    """Say whether a Python is one: a shim of pyenv may stand for a version that is not there."""
    return not subprocess.run(
        [python, "-c", "import venv"], capture_output=True, check=False
    ).returncode
