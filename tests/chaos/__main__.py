"""`python -m tests.chaos [WORD …] [--json]`: run scenarios, audit each, print a table; exit 1 if one is not sound."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.table import Table

from streams.dev_broker import Broker, start_broker
from tests.chaos.replayed import differing_lines
from tests.chaos.scenarios import SCENARIOS
from tests.support.deployment import Deployment
from tests.support.flows import FLOWS

if TYPE_CHECKING:
    from tests.chaos.scenarios import Scenario

AUDIT_PATIENCE_S = 20.0
FILE_WIDTH = 220
"""Characters of a line where there is no terminal to say how many."""

Row = dict[str, Any]


def main() -> int:
    """Run what is asked for, or everything; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", help="scenarios whose name holds one of these words")
    parser.add_argument("--json", action="store_true", help="print an array of objects")
    arguments = parser.parse_args()
    chosen = [
        name
        for name in SCENARIOS
        if not arguments.names or any(word in name for word in arguments.names)
    ]
    rows: list[Row] = []
    for name in chosen:
        rows.append(run(name))
        sys.stderr.write(f"{rows[-1]}\n")
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        print_table(rows)
    return 0 if all(row["sound"] for row in rows) else 1


def run(name: str) -> Row:
    """Run one scenario on a broker of its own and audit it."""
    with start_broker(("docker", "apache")) as broker, tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(broker.bootstrap, Path(folder))
        deployment.create_topics()
        deployment.publish(*FLOWS)
        return {"scenario": name} | audited(SCENARIOS[name], deployment, broker)


def audited(scenario: Scenario, deployment: Deployment, broker: Broker) -> Row:
    """Let a scenario happen, and return what the audit and a replay say of it."""
    outcome = asyncio.run(scenario(deployment, broker))
    code, findings = deployment.audit(patience_s=AUDIT_PATIENCE_S)
    differing = differing_lines(deployment)
    implied = sum(partition["implied"] for partition in findings["partitions"])
    return {
        "verdicts": implied,
        "copies": findings["copies"],
        **findings["faults"],
        "replayed otherwise": differing,
        "false alarms": outcome.false_alarms,
        "longest silence, s": round(outcome.silence_s, 1),
        "sound": code == 0 and not differing and not outcome.false_alarms,
    }


def print_table(rows: list[Row]) -> None:
    """Print the rows, a column for each key."""
    table = Table(title="chaos: what was said, by the audit", title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "scenario" else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else FILE_WIDTH).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
