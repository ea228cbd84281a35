"""The terminal: verdicts as lines and tables on stdout, messages and errors on stderr.

Texts from events may contain anything: they are shown as they are, never read as markup.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from streams.engine.text import verdict_reasons

STATUS_STYLES = {"passed": "green", "failed": "bold red", "incomplete": "yellow"}
STATUS_SIGNS = {"passed": "✓", "failed": "✗", "incomplete": "…"}

Verdict = Mapping[str, Any]
"""One decoded verdict of the wire."""


def talk() -> Console:
    """Return the console of stderr; a new one each time, so that it follows a redirected stream."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def data() -> Console:
    """Return the console of stdout."""
    return Console(highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Print a message to stderr."""
    talk().print(escape(message))


def complain(message: str) -> None:
    """Print an error to stderr."""
    talk().print(f"[bold red]error:[/] {escape(message)}")


def stdout_is_terminal() -> bool:
    """Return True if stdout is a terminal."""
    return sys.stdout.isatty()


def clock_time(instant_ns: int) -> str:
    """Return an instant as the time of day, in UTC and milliseconds."""
    return datetime.fromtimestamp(instant_ns // 10**9, UTC).strftime("%H:%M:%S") + (
        f".{instant_ns // 10**6 % 1000:03d}"
    )


def verdict_line(verdict: Verdict) -> Text:
    """Return a verdict as one line: time, sign, run, status, revision and reasons."""
    status = verdict["status"]
    style = STATUS_STYLES.get(status, "")
    line = Text(f"{clock_time(verdict['decided_at_ns'])} ")
    line.append(f"{STATUS_SIGNS.get(status, '?')} {status:<10} ", style=style)
    line.append(f"{verdict['flow']}/{verdict['run_id']}", style="bold")
    if verdict["revision"] > 1:
        line.append(f" (revision {verdict['revision']})", style="dim")
    if why := verdict_reasons(verdict):
        line.append("  " + "; ".join(why))
    return line


def verdict_table(verdicts: Iterable[Verdict], caption: str = "") -> Table:
    """Return verdicts as a table, in the order given."""
    table = Table(caption=caption or None, caption_justify="left", expand=True)
    table.add_column("decided (UTC)", no_wrap=True)
    table.add_column("flow", no_wrap=True)
    table.add_column("run", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("rev", justify="right")
    table.add_column("reason", ratio=1, overflow="fold")
    for verdict in verdicts:
        status = verdict["status"]
        table.add_row(
            clock_time(verdict["decided_at_ns"]),
            Text(verdict["flow"]),
            Text(verdict["run_id"]),
            Text(f"{STATUS_SIGNS.get(status, '?')} {status}", style=STATUS_STYLES.get(status, "")),
            str(verdict["revision"]),
            Text("\n".join(verdict_reasons(verdict))),
        )
    return table
