"""Writes docs/metrics.md from the registry of metrics: `python -m tools.metrics_page [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from streams.metrics.registry import METRICS
from tools.pages import write_or_check

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
COMMAND = "python -m tools.metrics_page"

INTRODUCTION = f"""\
# Metrics of the worker

A worker serves three pages on `DULY_WEB_HOST` and `DULY_WEB_PORT`, and nothing else; they never show a run or its data.

| page | 200 means | 503 means |
|---|---|---|
| `/livez` | the loop turns, owners get through their batches | restart it: the text names the stuck partition |
| `/readyz` | partitions are assigned, recovered and judged | it starts, rebalances, or waits for a script engine |
| `/metrics` | Prometheus' text format | |

Labels are bounded: there is no run id, and no flow, among them. This page is written by `{COMMAND}`.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def render_page() -> str:
    """Return the page: every metric with its kind, labels and meaning."""
    rows = [
        f"| `{name}` | {metric.kind} | {', '.join(metric.labels) or 'none'} | {metric.help} |\n"
        for name, metric in METRICS.items()
    ]
    return INTRODUCTION + "".join(rows)


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    return write_or_check(PAGE, render_page(), COMMAND, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
