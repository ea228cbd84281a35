from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from streams.cli.terminal import clock_time, verdict_line, verdict_table


def verdict(**fields: Any) -> dict[str, Any]:
    nothing_wrong: dict[str, Any] = {"status": "passed", "revision": 1, "causes": [], "nodes": []}
    about = {"flow": "shop", "run_id": "order-1", "decided_at_ns": 1_767_614_400_007_999_999}
    return {**about, **nothing_wrong, **fields}


def test_an_instant_is_shown_as_time_of_day_in_utc() -> None:
    assert clock_time(1_767_614_400_007_999_999) == "12:00:00.007"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "12:00:00.007 ✓ passed     shop/order-1"),
        ({"revision": 2}, "12:00:00.007 ✓ passed     shop/order-1 (revision 2)"),
        (
            {"status": "failed", "causes": [{"message": "a [red]b[/]"}]},
            "12:00:00.007 ✗ failed     shop/order-1  a [red]b[/]",
        ),
    ],
)
def test_a_verdict_is_a_line(fields: dict[str, Any], line: str) -> None:
    assert verdict_line(verdict(**fields)).plain == line


def test_what_events_say_is_no_markup_in_the_table() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(verdict_table([verdict(run_id="[red]x[/red]")]))
    assert "[red]x[/red]" in captured.get()
