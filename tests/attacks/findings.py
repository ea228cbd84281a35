"""Outcomes of attacks, and the table of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import orjson

from schemas.errors import InvalidEvent
from schemas.wire import decode_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.support.attack_list import Attack

Fate = Literal["unread", "refused", "error", "limit", "not run", "answered"]
"""What became of an attack.

`unread`: its event is no valid one, and a dead letter. `refused`: it does not compile. `not run`: so
many others went over their limits that it was answered without being run to its end. `answered`: it
said true or false, and gained nothing by it.
"""

FATES: tuple[Fate, ...] = get_args(Fate)

FATE_OF_OUTCOME: Mapping[str, Fate] = {
    "not_compiled": "refused",
    "error": "error",
    "other": "error",
    "none": "error",
    "limit": "limit",
    "true": "answered",
    "false": "answered",
}
"""What a worker says of each outcome of the sandbox."""

GOOD_SCRIPTS = {"python": "data['n'] > 0", "cel": "data.n > 0", "js": "data.n > 0"}
"""Validators that are right for events of `{"n": 1}` and say no to those of `{"n": 0}`."""

NODE = "act"

NOT_RUN = "it was not run:"
"""What the message of a limit says if the script was not run to its end."""


class Finding(NamedTuple):
    """One attack, and what became of it."""

    attack: Attack
    fate: Fate
    seconds: float | None
    """From the event to the verdict; None if it was never run, or not alone.

    A run that passes says nothing of its script: one of a flow that is learned waits before it does.
    """

    message: str = ""
    """Of the cause, or of the refusal."""

    @property
    def is_expected(self) -> bool:
        """Whether it is one of the fates that are right, and its message says the right reason."""
        if self.fate == "unread":
            return not is_readable(self.attack)
        if self.fate == "not run":
            return NOT_RUN in self.message
        if self.fate == "answered":
            return bool(self.attack.outcomes & {"true", "false"})
        return any(
            self.attack.is_right(outcome, self.message)
            for outcome, fate in FATE_OF_OUTCOME.items()
            if fate == self.fate
        )


class Findings(NamedTuple):
    """What all attacks on one way came to."""

    way: str
    found: list[Finding]
    wrong_beside: list[str]
    """Good events that were judged wrongly, by their run ids."""
    touched: list[Path]
    """Files that attacks left in the folder that none may touch."""
    deaths: int
    """Of the worker, or the replay."""

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of the table for each engine."""
        engines = dict.fromkeys(finding.attack.engine for finding in self.found)
        return [self._row(engine) for engine in engines]

    def _row(self, engine: str) -> dict[str, Any]:
        mine = [finding for finding in self.found if finding.attack.engine == engine]
        fates = Counter(finding.fate for finding in mine)
        times = [
            (finding.seconds, finding.attack.name)
            for finding in mine
            if finding.seconds is not None and finding.fate in {"error", "limit"}
        ]
        slowest_s, which = max(times, default=(None, None))
        return {
            "measured": f"{engine}, {self.way}",
            "attacks": len(mine),
            **{fate: fates[fate] for fate in FATES},
            "unexpected": sum(not finding.is_expected for finding in mine),
            "touched": len(self.touched),
            "deaths": self.deaths,
            "good wrong": len(self.wrong_beside),
            "slowest ms": None if slowest_s is None else round(slowest_s * 1_000),
            "which": which,
        }


def flow_name(attack: Attack) -> str:
    """Return the name of the flow whose validator is the attack."""
    return f"attack-{attack.engine}-{attack.name}"


def flow(name: str, engine: str, script: str) -> dict[str, Any]:
    """Return a flow of one node, with one validator."""
    node = {"id": NODE, "validator": {"engine": engine, "script": script}}
    return {"flow": name, "nodes": [node]}


def good_flows() -> list[dict[str, Any]]:
    """Return the flows of the events beside the attacks, one an engine."""
    return [flow(f"good-{engine}", engine, script) for engine, script in GOOD_SCRIPTS.items()]


def good_status(n: int) -> str:
    """Return the status that a run with data `{"n": n}` of a good flow must get."""
    return "passed" if n else "failed"


def fate_of(verdict: dict[str, Any]) -> tuple[Fate, str]:
    """Return what a verdict says of the validator of its run's only event, and its message."""
    messages = {cause["kind"]: cause["message"] for cause in verdict["causes"]}
    if "definition" in messages:
        return "refused", messages["definition"]
    if "validator_error" in messages:
        message = messages["validator_error"]
        if not verdict["script_limit"]:
            return "error", message
        return ("not run" if NOT_RUN in message else "limit"), message
    return "answered", messages.get("validator", "")


def is_readable(attack: Attack) -> bool:
    """Return whether an event that brings the attack is a valid one (R20)."""
    event = {
        "v": 1,
        "event_id": "e",
        "flow": flow_name(attack),
        "node": NODE,
        "run_id": "r",
        "ts": 1_767_614_400_000_000_000,
        "validator": {"engine": attack.engine, "script": attack.source},
    }
    try:
        decode_event(orjson.dumps(event | {"data": orjson.Fragment(attack.data)}))
    except (InvalidEvent, orjson.JSONEncodeError):
        return False
    return True


def files_in(folder: Path) -> list[Path]:
    """Return what an attack has left in the folder that none may touch."""
    return list(folder.iterdir())


def is_judged_wrongly(verdict: dict[str, Any], n: int) -> bool:
    """Return whether a good event did not get the verdict that it deserves, and no other cause."""
    kinds = {cause["kind"] for cause in verdict["causes"]}
    return verdict["status"] != good_status(n) or not kinds <= {"validator"}


def table(findings: Iterable[Findings]) -> list[dict[str, Any]]:
    """Return the rows of all ways."""
    return [row for one in findings for row in one.rows()]
