"""The language CEL, run by Google's C++ implementation in a sandbox process of ours.

It bounds the steps of an expression, but not its memory, and crashes on some deep structures: see
`sandbox_process/cel_interpreter.py` for what runs there.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from streams.scripts.process_language import ProcessLanguage

if TYPE_CHECKING:
    from streams.scripts.limits import Limits


class CelLanguage(ProcessLanguage):
    """CEL scripts.

    Raises:
        ModuleNotFoundError: cel-expr-python is not installed.
    """

    def __init__(self, limits: Limits) -> None:
        if find_spec("cel_expr_python") is None:
            raise ModuleNotFoundError("there is no package cel-expr-python")
        super().__init__("cel", limits, stops_by_itself=False)
