"""The language JavaScript, run by QuickJS in a sandbox process of ours.

It bounds time and memory, but for some built-in functions, and its wrapper is not safe to use from
threads: see `sandbox_process/javascript_interpreter.py` for what runs there.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from streams.scripts.process_language import ProcessLanguage

if TYPE_CHECKING:
    from streams.scripts.limits import Limits


class JavaScriptLanguage(ProcessLanguage):
    """JavaScript scripts.

    Raises:
        ModuleNotFoundError: quickjs-ng is not installed, or not alone.
    """

    def __init__(self, limits: Limits) -> None:
        if not _is_installed("quickjs-ng"):
            raise ModuleNotFoundError("there is no package quickjs-ng")
        if _is_installed("quickjs"):
            raise ModuleNotFoundError(
                "the package quickjs overwrites quickjs-ng, which has the same import name: "
                "uninstall both first"
            )
        super().__init__("js", limits, stops_by_itself=True)


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
