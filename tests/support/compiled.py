"""Wheel with a compiled engine, as it is deployed (docs/decisions/0006-compiled-engine.md)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parents[2]
SWITCH = "HATCH_BUILD_HOOK_ENABLE_MYPYC"


@contextmanager
def compiled_engine() -> Generator[None]:
    """Let the workers of this process's children be of a wheel that is built now, with a compiled engine."""
    with tempfile.TemporaryDirectory() as folder:
        wheels, installed = Path(folder) / "wheels", Path(folder) / "installed"
        # By way of the sdist: a build in the sources would leave compiled modules beside them.
        _run("-m", "build", "--outdir", wheels, ROOT, **{SWITCH: "1"})
        [wheel] = wheels.glob("*.whl")
        if wheel.name.endswith("-none-any.whl"):
            raise RuntimeError(f"{wheel.name} holds nothing compiled")
        _run("-m", "pip", "install", "--quiet", "--no-deps", "--target", installed, wheel)
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = str(installed)
        try:
            yield
        finally:
            del os.environ["PYTHONPATH"]
            if before is not None:
                os.environ["PYTHONPATH"] = before


def import_compiled() -> None:
    """Import from that wheel in a spawned process, which would look where its parent looked when it began."""
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))


def _run(*arguments: str | Path, **variables: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, arguments))}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}"
        )
