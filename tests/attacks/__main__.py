"""`python -m tests.attacks [--json]`: what became of each attack, as a table."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import orjson

from streams.dev_broker import start_broker
from tests.attacks.by_replay import attack_by_replay
from tests.attacks.by_worker import attack_by_worker
from tests.attacks.findings import good_flows, table
from tests.support.attack_list import load_attacks
from tests.support.installed_deployment import InstalledDeployment
from tests.support.report import print_table, say


def main() -> None:
    """Attack, print, and exit 1 if anything happened that must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as untouched:
        canary = Path(untouched)
        attacks = load_attacks(canary)
        say(f"{len(attacks)} attacks through duly replay")
        findings = [attack_by_replay(attacks, Path(folder), canary)]
        with start_broker() as broker:
            deployment = InstalledDeployment(broker.bootstrap, *good_flows())
            deployment.prepare()
            say(f"{len(attacks)} attacks through a worker on {broker.bootstrap}")
            findings += asyncio.run(attack_by_worker(attacks, deployment, canary))
    rows = table(findings)
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        print_table("attacks", rows)
    bad = ("unexpected", "touched", "deaths", "good wrong")
    sys.exit(any(row[column] for row in rows for column in bad))


if __name__ == "__main__":
    main()
