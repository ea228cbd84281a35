"""Versions that the overrides were written for, checked before a worker starts.

Methods of Faust and private parts of aiokafka are overridden here by name; in another version they may be gone or mean
something else, and the worker would lose or repeat records in silence. So the `worker` extra pins both exactly, and an
installation that came about otherwise (`pip install --upgrade aiokafka`) is refused.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from streams.errors import WrongVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS: Final[Mapping[str, str]] = {"aiokafka": "0.14.0", "faust-streaming": "0.15.3"}
"""Distribution → the version that the `worker` extra pins."""


def check_versions() -> None:
    """Check that the installed packages are those that this package overrides.

    Raises:
        WrongVersion: names what is installed, what is expected, and the command that mends it.
    """
    wrong = {
        name: found
        for name, expected in VERSIONS.items()
        if (found := _installed(name)) != expected
    }
    if wrong:
        found = "; ".join(
            f"{name} {found or 'none'} is installed, this worker is built for {VERSIONS[name]}"
            for name, found in wrong.items()
        )
        pins = " ".join(f"'{name}=={VERSIONS[name]}'" for name in wrong)
        raise WrongVersion(f"{found}: pip install {pins}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
