from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from producer_sdk.testing import recorded
from streams.cli.root import app

SHOP = Path(__file__).parents[2] / "examples" / "shop"


def replayed(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    """Return the last verdict on each run."""
    command = ["replay", "--flow", str(SHOP / "shop.yaml"), *arguments]
    result = CliRunner().invoke(app, command, input=stdin)
    assert result.exit_code == 0, result.stderr
    return {v["run_id"]: v for v in map(json.loads, result.stdout.splitlines())}


def test_each_recorded_order_gets_the_verdict_that_the_shop_announces() -> None:
    shop = runpy.run_path(str(SHOP / "shop.py"))
    verdicts = replayed(str(SHOP / "recorded.jsonl"))
    for order in shop["orders"]():
        verdict = verdicts.pop(order.run_id)
        causes = [(cause["node"], cause["kind"]) for cause in verdict["causes"]]
        assert verdict["status"] == order.status
        assert causes == ([(order.node, order.cause)] if order.cause else [])
    assert not verdicts


def test_the_shop_says_through_the_sdk_what_was_recorded() -> None:
    shop = runpy.run_path(str(SHOP / "shop.py"))
    with recorded() as events:
        for order in shop["orders"]():
            for step in order.steps:
                shop["take"](order, step)
    said = {(e["run_id"], e["node"], e["type"], json.dumps(e["data"])) for e in events}
    lines = map(json.loads, (SHOP / "recorded.jsonl").read_text().splitlines())
    assert said == {(e["run_id"], e["node"], e["type"], json.dumps(e["data"])) for e in lines}
