"""Attacks through `duly replay`, each as the validator of a flow file of its own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import orjson

from streams.cli.exit_codes import ExitCode
from streams.flows.files import dump_flow
from tests.attacks.findings import (
    NODE,
    Finding,
    Findings,
    fate_of,
    files_in,
    flow,
    flow_name,
    good_flows,
    is_judged_wrongly,
)
from tests.support.installed_deployment import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.support.attack_list import Attack

START_NS = 1_767_614_400_000_000_000
STEP_NS = 1_000_000


def attack_by_replay(attacks: Sequence[Attack], folder: Path, canary: Path) -> Findings:
    """Replay an event for each attack, with good events before and behind it.

    A first replay refuses the scripts that do not compile, all at once; a second one has the rest.

    Args:
        attacks: all of them.
        folder: for the flow files and the recording.
        canary: what no attack may touch.
    """
    files = {attack: folder / f"{flow_name(attack)}.yaml" for attack in attacks}
    for attack, file in files.items():
        file.write_text(dump_flow(flow(flow_name(attack), attack.engine, attack.source)))
    refused_files = _refused_files(files.values())
    refused = {
        attack: refused_files[file] for attack, file in files.items() if file in refused_files
    }
    rest = [attack for attack in attacks if attack not in refused]
    recording = folder / "events.jsonl"
    recording.write_bytes(b"\n".join(_lines(rest)))
    judged = _Judged()
    code = judged.replay([*_good_files(folder), *(files[attack] for attack in rest)], recording)
    found = [
        Finding(attack, "refused", None, refused[attack])
        if attack in refused
        else judged.finding(attack)
        for attack in attacks
    ]
    return Findings(
        "duly replay", found, judged.wrong_beside, files_in(canary), int(code != ExitCode.OK)
    )


def _refused_files(files: Iterable[Path]) -> dict[Path, str]:
    """Return why `duly flow validate` refuses files, for those that it refuses."""
    files = list(files)
    done = subprocess.run(
        [SCRIPTS / "duly", "flow", "validate", *files], capture_output=True, text=True, check=False
    )
    if done.returncode != ExitCode.USAGE:
        raise RuntimeError(f"attacks were not refused: exit {done.returncode}, {done.stderr}")
    reasons = done.stderr.split("\n")
    found = {file: [line for line in reasons if f"{file}:" in line] for file in files}
    return {file: "\n".join(lines) for file, lines in found.items() if lines}


def _good_files(folder: Path) -> list[Path]:
    files = [folder / f"{good['flow']}.yaml" for good in good_flows()]
    for file, good in zip(files, good_flows(), strict=True):
        file.write_text(dump_flow(good))
    return files


def _lines(attacks: Sequence[Attack]) -> Iterable[bytes]:
    at_ns = START_NS
    for attack in attacks:
        name = flow_name(attack)
        good = f"good-{attack.engine}"
        for flow_, run, data in (
            (good, f"{name}-1", b'{"n":1}'),
            (name, name, attack.data),
            (good, f"{name}-0", b'{"n":0}'),
        ):
            at_ns += STEP_NS
            yield _line(flow_, run, data, at_ns)


def _line(flow_name: str, run_id: str, data: bytes, at_ns: int) -> bytes:
    event = {"v": 1, "event_id": "e", "flow": flow_name, "node": NODE, "run_id": run_id}
    return orjson.dumps(event | {"ts": at_ns, "data": orjson.Fragment(data)})


class _Judged:
    """Reads the verdicts of a replay, which asks about all its events at once."""

    def __init__(self) -> None:
        self._verdicts: dict[str, dict[str, Any]] = {}
        self.wrong_beside: list[str] = []

    def replay(self, files: Sequence[Path], recording: Path) -> int:
        """Replay, and return the exit code."""
        flows = [argument for file in files for argument in ("--flow", file)]
        command = [SCRIPTS / "duly", "replay", *flows, "--until", "last", "--skip-bad", recording]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as duly:
            for line in duly.stdout or ():
                self._take(orjson.loads(line))
        return duly.returncode

    def finding(self, attack: Attack) -> Finding:
        """Return what became of an attack; its event may have been refused, data and all."""
        name = flow_name(attack)
        if name not in self._verdicts:
            return Finding(attack, "unread", None)
        fate, message = fate_of(self._verdicts[name])
        return Finding(attack, fate, None, message)

    def _take(self, verdict: dict[str, Any]) -> None:
        run_id = verdict["run_id"]
        self._verdicts[run_id] = verdict
        if verdict["flow"].startswith("good-") and is_judged_wrongly(verdict, int(run_id[-1])):
            self.wrong_beside.append(run_id)
