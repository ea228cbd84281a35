"""Which open runs are objects, and which are kept in their stored form only, is nobody's business but memory's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from streams.engine import partition, run_in_batch
from tests.engine.driver import Log, event, flow
from tests.engine.test_fast_path import Told, cases

if TYPE_CHECKING:
    from tests.engine.generate import Arrival


def test_runs_that_were_not_touched_for_long_are_kept_in_their_stored_form_only(
    monkeypatch: pytest.MonkeyPatch,
):
    """However many are open, few are objects; one that is touched again comes back, and goes on as it was."""
    monkeypatch.setattr(partition, "LIVE_RUNS", 2)
    log = Log(flow("a", "b"))
    log.come(*(event("a", number, run=f"r{number}") for number in range(6)))
    assert [log.live("f", f"r{number}") is None for number in range(6)] == [True] * 4 + [False] * 2
    assert log.partition.open_runs == 6
    log.come(event("a", 7, run="r0", id="again"))
    assert [len(run) for run in (log.live("f", "r0"),) if run is not None] == [2]
    log.come(*(event("b", 8, run=f"r{number}") for number in range(6)))
    assert [verdict["status"] for verdict in log.verdicts] == ["passed"] * 6


def _keep_nothing(self: Any, key: bytes, _run: Any) -> None:
    self._live.pop(key, None)


@given(cases())
def test_R15_whether_a_run_is_an_object_or_stored_changes_nothing(
    case: tuple[dict[str, Any], list[Arrival]],
):
    """Verdicts, stored runs, due instants and questions are the same if each is read anew every time."""
    definition, arrivals = case
    at_hand = Told(definition, arrivals, run_in_batch.take_on_fast_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition.Partition, "_keep", _keep_nothing)
        stored = Told(definition, arrivals, run_in_batch.take_on_fast_path)
    assert at_hand.verdicts == stored.verdicts
    assert at_hand.stored == stored.stored
    assert at_hand.due == stored.due
    assert at_hand.calls == stored.calls
