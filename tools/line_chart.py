"""Panels of lines over time, as SVG: readable without a browser's scripts, small enough to commit."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SVG = "http://www.w3.org/2000/svg"
WIDTH, HEIGHT = 420, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 34, 24
COLOURS = ("#2563eb", "#dc2626", "#059669", "#9333ea")
COLUMNS = 2
TICKS = 4


class Panel(NamedTuple):
    """One chart.

    Attributes:
        title: what is shown, with its unit.
        lines: values by the name of the line, one for each instant.
    """

    title: str
    lines: Mapping[str, Sequence[float]]


def draw(panels: Sequence[Panel], seconds: Sequence[float]) -> str:
    """Return an SVG of the panels, two beside each other; `seconds` are the instants of all values."""
    rows = -(-len(panels) // COLUMNS)
    size = f"0 0 {WIDTH * COLUMNS} {HEIGHT * rows}"
    parts = [
        f'<svg xmlns="{SVG}" viewBox="{size}" font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        left, top = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
        parts.append(f'<g transform="translate({left} {top})">')
        parts += _panel(panel, seconds)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, seconds: Sequence[float]) -> Iterator[str]:
    most = max((max(line) for line in panel.lines.values()), default=0) or 1
    yield f'<text x="{LEFT}" y="14" font-weight="bold" fill="#111827">{escape(panel.title)}</text>'
    for tick in range(TICKS + 1):
        value = most * tick / TICKS
        y = _y(value, most)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>'
        yield f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end" fill="#6b7280">{value:,.3g}</text>'
    for at in (seconds[0], seconds[-1]):
        x = _x(at, seconds)
        yield f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle" fill="#6b7280">{at:.0f} s</text>'
    for number, (name, line) in enumerate(panel.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(
            f"{_x(at, seconds):.1f},{_y(value, most):.1f}"
            for at, value in zip(seconds, line, strict=True)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        x = LEFT + number * 120
        yield f'<text x="{x}" y="27" fill="{colour}">{escape(name)}</text>'


def _x(at: float, seconds: Sequence[float]) -> float:
    return LEFT + (at - seconds[0]) / (seconds[-1] - seconds[0]) * (WIDTH - LEFT - RIGHT)


def _y(value: float, most: float) -> float:
    return HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM)
