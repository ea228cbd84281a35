"""Tables of figures on stdout, progress on stderr."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

FILE_WIDTH = 150
"""Characters of a line where there is no terminal to say how many."""

Row = dict[str, Any]
"""One line of a table, by the names of its columns; `measured` says what it is about."""


def print_table(title: str, rows: list[Row]) -> None:
    """Print rows that have the same columns."""
    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "measured" else "right")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console(width=None if sys.stdout.isatty() else FILE_WIDTH).print(table)


def say(text: str) -> None:
    """Tell what goes on, on stderr: stdout is for figures."""
    sys.stderr.write(f"{text}\n")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
