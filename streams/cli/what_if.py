"""Presentation of `duly replay --topic --compare`: the runs that other definitions would change."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from schemas.units import NS_PER_MS
from streams.cli.instants import day_and_time
from streams.cli.output import print_json, print_lines
from streams.cli.terminal import STATUS_SIGNS, say
from streams.engine.text import count_of, spaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.replay.comparison import TopicComparison
    from streams.replay.what_if import VerdictSummary

NO_VERDICT = "no verdict"


def show_comparison(comparison: TopicComparison, *, as_json: bool) -> None:
    """Print the runs that would change, on stderr the notes and a sentence that sums up."""
    if as_json:
        print_json(_as_object(comparison))
    else:
        print_lines(_as_lines(comparison))
    for note in comparison.notes:
        say(f"note: {note}")
    if comparison.left_out:
        say(f"left out: {count_of(comparison.left_out, 'run')} that began before --from")
    say(_sentence(comparison))


def _as_object(comparison: TopicComparison) -> dict[str, Any]:
    return {
        "runs": comparison.runs,
        "changed": len(comparison.changes),
        "left_out": comparison.left_out,
        "changes": [
            change.life._asdict()
            | {"before": _as_objects(change.before), "after": _as_objects(change.after)}
            for change in comparison.changes
        ],
        "notes": comparison.notes,
    }


def _as_objects(verdicts: Sequence[VerdictSummary]) -> list[dict[str, Any]]:
    return [{"status": one.status, "reasons": one.reasons} for one in verdicts]


def _as_lines(comparison: TopicComparison) -> Iterator[str]:
    for life, before, after in comparison.changes:
        opened = day_and_time(life.opened_at_ns // NS_PER_MS)
        yield f"{life.flow}/{life.run_id}, opened {opened}"
        yield from _side("before", before)
        yield from _side("after", after)


def _side(name: str, verdicts: Sequence[VerdictSummary]) -> Iterator[str]:
    lead = f"    {name:<6}  "
    for one in verdicts:
        why = f": {'; '.join(one.reasons)}" if one.reasons else ""
        yield f"{lead}{STATUS_SIGNS.get(one.status, '?')} {one.status}{why}"
        lead = f"    {'then':<6}  "
    if not verdicts:
        yield f"{lead}{NO_VERDICT}"


def _sentence(comparison: TopicComparison) -> str:
    of_runs = count_of(comparison.runs - comparison.left_out, "run")
    if not comparison.changes:
        return f"none of {of_runs} would change"
    kinds = Counter(f"{_kind(one.before)} → {_kind(one.after)}" for one in comparison.changes)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{spaced(len(comparison.changes))} of {of_runs} would change: {told}"


def _kind(verdicts: Sequence[VerdictSummary]) -> str:
    return ", then ".join(one.status for one in verdicts) or NO_VERDICT
