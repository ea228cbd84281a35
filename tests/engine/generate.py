"""Random flows, and random logs for them: small, and dense in what the rules are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from schemas.units import NS_PER_MS
from tests.engine.driver import START_NS, event, python, timeout

if TYPE_CHECKING:
    from schemas.wire import Event


FILTERS = (
    "True",
    "data['n'] > 0",
    "len(ctx['deps']) != 1",
    "ctx['data']['n'] >= data['n']",
    "None if data['n'] == 2 else True",
    "data['n'] or True",
)
VALIDATORS = (
    "data['n'] != 3",
    "len(ctx['deps']) < 3",
    "ctx['deps'][0]['data']['n'] < 2",
    "sum(d['data']['n'] for d in ctx['deps']) % 2 == 0",
    "data['n'] == 1 or None",
)
DELAYS_MS = (0, 0, 0, 1, 3, 9, 10, 30, -2)
"""How long an event was under way; a negative one comes from a clock that runs ahead."""
UNKNOWN = "x"
"""A node that no generated flow has."""
STEPS_MS = (0, 0, 1, 2, 5, 10, 20, 49, 50, 51)
OUTAGE_STEPS_MS = (*STEPS_MS, 1_999, 2_000, 2_050, 2_100, 15_000)


class Arrival(NamedTuple):
    """A record of a log: at that instant an event, or nothing, a clock record."""

    at: int
    event: Event | None


def rarely(draw: st.DrawFn) -> bool:
    """Return True in one of five cases."""
    return draw(st.sampled_from((False, False, False, False, True)))


@st.composite
def flows(draw: st.DrawFn, *, scripts: bool = True) -> dict[str, Any]:
    """A flow of two to six nodes, with every field that a rule speaks of."""
    names = "abcdef"[: draw(st.integers(2, 6))]
    nodes = [_draw_node(draw, name, names[:place], scripts) for place, name in enumerate(names)]
    if len(nodes) > 2 and draw(st.booleans()):
        exclusive = draw(st.booleans())
        for node in draw(st.lists(st.sampled_from(nodes), min_size=2, max_size=3, unique_by=id)):
            node |= {"branch": "l", "exclusive": exclusive}
    options = {
        "grace_ms": draw(st.sampled_from((1, 10, 60))),
        "clock_tolerance_ms": draw(st.sampled_from((0, 3, 10))),
        "window_ms": draw(st.sampled_from((20, 50, 1_000))),
        "max_open_ms": draw(st.sampled_from((100_000_000, 100_000_000, 80))),
        "settle_ms": draw(st.sampled_from((5, 40))),
        "forget_after_ms": 10_000_000_000,
        "closed": rarely(draw),
    }
    return {"flow": "f", "options": options, "nodes": nodes}


_RARE_FIELDS: tuple[tuple[str, Any], ...] = (
    ("dep_mode", "any"),
    ("required", False),
    ("ends_run", True),
    ("type", "trigger"),
)


def _draw_node(draw: st.DrawFn, name: str, before: str, scripts: bool) -> dict[str, Any]:
    deps = draw(st.lists(st.sampled_from(before), max_size=2)) if before else []
    if before and draw(st.booleans()):
        deps = [before[-1], *deps]
    node: dict[str, Any] = {"id": name, "dep_ids": deps}
    if draw(st.booleans()):
        node["conditions"] = timeout(draw(st.sampled_from((5, 20, 200))))
    if scripts and rarely(draw):
        node["filter"] = python(draw(st.sampled_from(FILTERS)))
    if scripts and rarely(draw):
        node["validator"] = python(draw(st.sampled_from(VALIDATORS)))
    return node | {field: value for field, value in _RARE_FIELDS if rarely(draw)}


@st.composite
def events(
    draw: st.DrawFn,
    number: int,
    nodes: str,
    arrival: int,
    *,
    runs: str = "r",
    teaching: bool = False,
) -> Event:
    """An event that arrives then; its number makes its id and its data its own."""
    stamped = rarely(draw) and draw(st.booleans())
    fields: dict[str, Any] = draw(lessons(nodes)) if teaching else {}
    if stamped:
        fields["stamped"] = "flush"
    if rarely(draw) and draw(st.booleans()):
        fields["filter"] = False
    ts = START_NS + (arrival - draw(st.sampled_from(DELAYS_MS))) * NS_PER_MS
    return event(
        draw(st.sampled_from(nodes)),
        id=f"e{draw(st.integers(0, 9))}-{number}",
        run=f"{draw(st.sampled_from(runs))}1",
        # No two of which only one was stamped late happen at the same nanosecond.
        ts=ts + 1 if stamped else ts,
        data={"n": draw(st.integers(0, 3)), "number": number},
        **fields,
    )


@st.composite
def lessons(draw: st.DrawFn, nodes: str) -> dict[str, Any]:
    """What an event states of its node and its flow, sensible or not."""
    stated: dict[str, Any] = {
        "dep_ids": draw(st.lists(st.sampled_from(nodes), max_size=2)),
        "dep_mode": draw(st.sampled_from(("all", "any"))),
        "required": draw(st.booleans()),
        "branch": "l",
        "exclusive": draw(st.booleans()),
        "ends_run": draw(st.booleans()),
        "conditions": [{"timeout_ms": ms} for ms in draw(st.sampled_from(((5,), (20,), (5, 20))))],
        "validator": python(draw(st.sampled_from((*VALIDATORS, "1 +")))),
        "filter": python(draw(st.sampled_from(FILTERS))),
        "options": {"grace_ms": draw(st.sampled_from((1, 30)))},
        "type": "trigger",
    }
    return {field: value for field, value in stated.items() if rarely(draw)}


@st.composite
def logs(
    draw: st.DrawFn,
    definition: dict[str, Any],
    *,
    steps: tuple[int, ...] = STEPS_MS,
    runs: str = "r",
    teaching: bool = False,
) -> list[Arrival]:
    """A log of up to ten records, with clock records and duplicates between the events."""
    nodes = "".join(node["id"] for node in definition["nodes"]) + UNKNOWN
    if not definition["options"].get("closed") and not teaching:
        nodes = nodes.removesuffix(UNKNOWN)
    at = 0
    log: list[Arrival] = []
    for number in range(draw(st.integers(1, 10))):
        at += draw(st.sampled_from(steps))
        match draw(st.sampled_from(("event", "event", "event", "event", "clock", "again"))):
            case "clock":
                log.append(Arrival(at, None))
            case "again" if log:
                log.append(Arrival(at, draw(st.sampled_from(log)).event))
            case _:
                one = draw(events(number, nodes, at, runs=runs, teaching=teaching))
                log.append(Arrival(at, one))
    return log
