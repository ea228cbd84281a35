"""`duly replay`: judge recorded events, without a broker."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import orjson
import typer

from streams.cli.outcomes import ExitCode
from streams.cli.screen import complain, data, say, stdout_is_terminal, verdict_line
from streams.errors import DulyError

if TYPE_CHECKING:
    from io import BufferedReader

    from streams.engine.partition import Judged, VerdictOut
    from streams.recording import BadLine

STDIN = "-"


class NoRecording(DulyError):
    """The recording cannot be read."""

    exit_code = ExitCode.USAGE


def _parse_until(text: str) -> Any:
    from streams.recording import parse_instant

    if text in {"end", "last"}:
        return text
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def replay(
    events: Annotated[
        str, typer.Argument(metavar="EVENTS", help="File of recorded events; - is stdin.")
    ],
    flow: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A flow file to judge by; may be given several times."),
    ] = None,
    until: Annotated[
        Any,
        typer.Option(
            parser=_parse_until,
            metavar="end|last|TIME",
            help="Where time stops: when every run is closed, with the last line, or at an "
            "instant (ns since 1970, or ISO 8601).",
        ),
    ] = "end",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on a terminal too, not only elsewhere.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out lines that are no events.")
    ] = False,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit 1 if a run's last verdict is `failed`.")
    ] = False,
) -> None:
    """Judge recorded events by the engine of the worker, without a broker.

    Prints one verdict a line, in the order decided: the same verdicts, with the same ids, as a
    worker makes of these events. What flows their events teach is learned, as live.

    A line is an event of the wire, with `recorded_at` (ns) where it was not recorded at its own
    `ts`, or `{"clock": ns}`, time that passed without an event.

        duly replay --flow shop.yaml events.jsonl

        zcat events.jsonl.gz | duly replay --flow shop.yaml - --until last | jq .status
    """
    from streams.cli.scripts import running_scripts
    from streams.engine.definitions import Definitions
    from streams.flow_files import load_flow_files
    from streams.recording import BadLine
    from streams.replay import Replay
    from streams.settings import load_settings

    files = load_flow_files(flow or [])
    definitions = Definitions(load_settings().flow_options)
    report = _Report(events, as_json=as_json or not stdout_is_terminal())
    with running_scripts() as scripts, _open(events) as stream:
        scripts.check(files)
        for file in files:
            definitions.publish(file.definition)
        run = Replay(
            definitions,
            scripts.evaluate,
            until=until,
            on_bad_line=report.bad_line if skip_bad else None,
        )
        try:
            for judged in run.judge(stream):
                report.judged(judged)
        except BadLine as error:
            advice = "--skip-bad leaves such lines out"
            raise NoRecording(f"{events}:{error.number}: {error.reason} ({advice})") from error
    report.summary()
    if fail and report.failing:
        raise typer.Exit(ExitCode.VERDICT_FAILED)


class _Report:
    """Writes what a replay finds: verdicts to stdout, the rest to stderr."""

    def __init__(self, source: str, *, as_json: bool) -> None:
        self._source = source
        self._as_json = as_json
        self._counts: Counter[str] = Counter()
        self._bad_lines = 0
        self.failing: set[tuple[str, str, int]] = set()
        """The runs (flow, run id, opened at) whose last verdict is `failed`."""

    def judged(self, judged: Judged) -> None:
        for out in judged.verdicts:
            self._verdict(out)
        if judged.verdicts:
            sys.stdout.flush()
        for refused in judged.refused:
            say(f"{self._source}:{refused.offset + 1}: {refused.reason}: {refused.message}")

    def bad_line(self, error: BadLine) -> None:
        self._bad_lines += 1
        complain(f"{self._source}:{error.number}: {error.reason} (left out)")

    def summary(self) -> None:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self._counts.items()))
        left_out = f"; bad lines left out: {self._bad_lines}" if self._bad_lines else ""
        say(f"verdicts: {counts or 'none'}{left_out}")

    def _verdict(self, out: VerdictOut) -> None:
        verdict = orjson.loads(out.value)
        if self._as_json:
            sys.stdout.buffer.write(out.value + b"\n")
        else:
            data().print(verdict_line(verdict))
        self._counts[out.status] += 1
        run = (verdict["flow"], verdict["run_id"], verdict["opened_at_ns"])
        if out.status == "failed":
            self.failing.add(run)
        else:
            self.failing.discard(run)


def _open(source: str) -> BufferedReader:
    if source == STDIN:
        return cast("BufferedReader", sys.stdin.buffer)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise NoRecording(f"{source}: cannot be read: {error.strerror}") from error
