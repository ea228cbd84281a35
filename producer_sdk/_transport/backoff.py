"""Exponential backoff with full jitter."""

from __future__ import annotations

import random

_FIRST_S = 0.2
_LONGEST_S = 10.0


class Backoff:
    """Random delays up to a bound that doubles with each failure in a row.

    Many services lose a broker at the same moment; jitter keeps them from retrying together.
    """

    def __init__(self) -> None:
        self._bound_s = _FIRST_S

    def next_s(self) -> float:
        """Return the seconds to wait after one more failure."""
        bound_s, self._bound_s = self._bound_s, min(self._bound_s * 2, _LONGEST_S)
        return random.uniform(0, bound_s)  # noqa: S311 -- spread, not secret

    def reset(self) -> None:
        """Reset the bound after a success."""
        self._bound_s = _FIRST_S
