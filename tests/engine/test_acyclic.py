"""Classes that the compiler is told are acyclic have no reference back to themselves.

The collector does not look at it (docs/decisions/0006-compiled-engine.md): a cycle would never be freed.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from hypothesis import given

from schemas.wire import Event
from streams.engine.run.entries import Entry, NodeEvents, ScriptResult
from streams.engine.run.run import Deadline, LastVerdict, Run
from tests.engine.driver import Log, event
from tests.engine.test_fast_path import cases

if TYPE_CHECKING:
    from tests.engine.generate import Arrival

KEPT = (Run, NodeEvents, Entry, Event, Deadline, LastVerdict, ScriptResult)
"""What a run is made of; the others are on their way and nobody refers to them."""
CONTAINERS = (dict, list, tuple, frozenset, set)


def parts(of: object) -> list[Any]:
    """Return what an object refers to, but for classes and what is shared by all runs."""
    return [part for part in gc.get_referents(of) if isinstance(part, (*KEPT, *CONTAINERS))]


def leads_back(start: object) -> bool:
    """Tell whether an object can be reached from itself."""
    seen: set[int] = set()
    ahead = parts(start)
    while ahead:
        part = ahead.pop()
        if part is start:
            return True
        if id(part) not in seen:
            seen.add(id(part))
            ahead += parts(part)
    return False


@given(cases())
def test_nothing_of_a_run_leads_back_to_itself(case: tuple[dict[str, Any], list[Arrival]]) -> None:
    definition, arrivals = case
    log = Log(definition)
    for arrival in arrivals:
        log.judge([log.record(*arrival)])
        run = log.live()
        if run is not None:
            entries = run.entries.values()
            for kept in (run, *run.nodes.values(), *entries, *run.deadlines.values()):
                assert not leads_back(kept), kept


def test_what_leads_back_to_itself_is_found() -> None:
    entry = Entry(event("a"), 0, 0, skewed=False)
    assert not leads_back(entry)
    entry.event_id = [{"within": entry}]  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    assert leads_back(entry)
