"""The golden messages under `schemas/examples`, as test parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def valid(noun: str) -> list[Any]:
    """Return the bytes of each message of a noun that must be accepted."""
    return [
        pytest.param(path.read_bytes(), id=path.stem)
        for path in sorted((EXAMPLES / noun / "valid").iterdir())
    ]


def invalid(noun: str) -> list[Any]:
    """Return the bytes of each message that must be refused, with what must be said of it."""
    expected = json.loads((EXAMPLES / noun / "invalid.json").read_bytes())
    return [
        pytest.param(path.read_bytes(), expected[path.name], id=path.stem)
        for path in sorted((EXAMPLES / noun / "invalid").iterdir())
    ]
