"""Expected verdicts of the sample shop's orders, compared with those that were read."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import orjson
from rich.table import Table
from rich.text import Text

from schemas.units import NS_PER_MS
from streams.cli.terminal import STATUS_STYLES

if TYPE_CHECKING:
    from pathlib import Path

    from streams.cli.terminal import Verdict

NOTHING_SEEN = "no verdict"


class Order(NamedTuple):
    """An order as the shop announces it: what happens to it, and its expected verdict."""

    run_id: str
    story: str
    status: str
    cause: str | None
    node: str | None

    @property
    def expected(self) -> str:
        """The verdict in words."""
        return self.status if self.cause is None else f"{self.status}: {self.node} {self.cause}"


class Expectations:
    """The orders announced so far and the newest verdict on each.

    Args:
        announcements: the file to which the shop writes a line of JSON for each order.
    """

    def __init__(self, announcements: Path) -> None:
        self._announcements = announcements
        self._newest: dict[str, Verdict] = {}
        self._delays_ms: list[float] = []
        self.orders: dict[str, Order] = {}

    def refresh(self) -> bool:
        """Read the announcements of the shop; return True if there is any order."""
        for line in self._announcements.read_bytes().splitlines():
            if line.startswith(b"{") and line.endswith(b"}"):
                order = Order(**orjson.loads(line))
                self.orders[order.run_id] = order
        return bool(self.orders)

    def heard(self, verdict: Verdict, now_ns: int) -> Order | None:
        """Add a verdict that was read just now; return its order."""
        self.refresh()
        self._delays_ms.append((now_ns - verdict["decided_at_ns"]) / NS_PER_MS)
        known = self._newest.get(verdict["run_id"])
        if known is None or verdict["revision"] > known["revision"]:
            self._newest[verdict["run_id"]] = verdict
        return self.orders.get(verdict["run_id"])

    @property
    def met(self) -> bool:
        """True if every order announced so far has its expected verdict."""
        return bool(self.orders) and all(map(self._is_met, self.orders.values()))

    def table(self) -> Table:
        """Return what was expected and what was seen, an order a row."""
        table = Table(title="What was expected, and what was seen", title_justify="left")
        for heading in ("order", "what happens to it", "expected", "seen"):
            table.add_column(heading)
        for order in self.orders.values():
            seen = self._seen(order)
            style = STATUS_STYLES[order.status] if self._is_met(order) else "reverse red"
            table.add_row(order.run_id, order.story, order.expected, Text(seen, style=style))
        return table

    def sentence(self) -> str:
        """Return the outcome in a sentence."""
        met = sum(map(self._is_met, self.orders.values()))
        delay = f"{median(self._delays_ms):.0f} ms" if self._delays_ms else "never"
        return (
            f"{met} of {len(self.orders)} orders got the verdict that they deserve. From the event "
            f"or the instant that decided a verdict until it was read here: {delay} (median)."
        )

    def _seen(self, order: Order) -> str:
        verdict = self._newest.get(order.run_id)
        if verdict is None:
            return NOTHING_SEEN
        causes = ", ".join(f"{cause['node']} {cause['kind']}" for cause in verdict["causes"])
        return f"{verdict['status']}: {causes}" if causes else verdict["status"]

    def _is_met(self, order: Order) -> bool:
        return self._seen(order) == order.expected
