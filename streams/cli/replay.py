"""`duly replay`: judges recorded events again, from a file or from a topic."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.instants import INSTANT, parse_instant_option
from streams.cli.replay_output import ReplayOutput
from streams.cli.terminal import complain, say, stdout_is_terminal
from streams.engine.text import count_of
from streams.errors import BadLine, UnreadableInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader

    from streams.audit import Findings
    from streams.settings.worker import WorkerSettings

STDIN = "-"
PATIENCE_S = 3.0
"""Wait for verdicts of a worker that has read the same records."""


def _parse_until(text: Any) -> Any:
    return text if text in {"end", "last"} else parse_instant_option(text)


Recording = Annotated[
    str | None, typer.Argument(metavar="EVENTS", help="File of recorded events; - is stdin.")
]
Topic = Annotated[
    str | None,
    typer.Option(metavar="TOPIC", help="Judge this events topic of the broker, not a file."),
]
Since = Annotated[
    Any,
    typer.Option(
        "--from",
        parser=parse_instant_option,
        metavar=INSTANT,
        help="With --topic: leave out what was recorded earlier (ns since 1970, or ISO 8601).",
    ),
]
Until = Annotated[
    Any,
    typer.Option(
        parser=_parse_until,
        metavar="end|last|TIME",
        help="Where time stops: when every run is closed, with the last line, or at an "
        "instant (ns since 1970, or ISO 8601). With --topic: an instant; by default, what the "
        "topic holds now.",
    ),
]
Flows = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="A flow file to judge by; may be given several times."),
]
Compare = Annotated[
    bool,
    typer.Option("--compare", help="With --topic: list the runs that --flow would change."),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON on a terminal too, not only elsewhere; with --compare, one document "
        "instead of text.",
    ),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out lines of a file that are no events.")
]
Fail = Annotated[
    bool,
    typer.Option(
        "--fail",
        help="Exit 1 if a run's last verdict is `failed`; with --compare, if a run changes.",
    ),
]


def replay(
    events: Recording = None,
    *,
    topic: Topic = None,
    since: Since = None,
    until: Until = "end",
    flow: Flows = None,
    compare: Compare = False,
    as_json: Json = False,
    skip_bad: SkipBad = False,
    fail: Fail = False,
) -> None:
    """Judge recorded events again with the engine of the worker.

    **From a file**, without a broker. Prints one verdict per line, in the order decided, with the
    same ids as a worker's. Flows are learned from the events, as live. A line is an event as on
    the wire, with `recorded_at` (ns) if it was not recorded at its own `ts`, or
    `{"clock": ns}`, time that passed without an event.

        duly replay --flow shop.yaml events.jsonl

        zcat events.jsonl.gz | duly replay --flow shop.yaml - --until last | jq .status

    **From a topic.** Prints the same, partition by partition, by the definitions that the broker
    had at each time, and compares it line by line with the verdicts that workers wrote: exit 1 if
    they differ. Runs that began before `--from` are left out.

        duly replay --topic flow-events.v1 --from 2026-01-31T12:00:00Z

    **What if?** Judges the topic twice, as it was and with flow files in place of the published
    definitions, and prints the runs that would change. Nothing is written anywhere.

        duly replay --topic flow-events.v1 --flow new.yaml --compare
    """
    flows = flow or []
    _check_usage(events, topic, flows, since=since, compare=compare, skip_bad=skip_bad)
    if topic is not None and compare:
        failed = _compare(topic, flows, since, until, as_json=as_json)
    else:
        output = ReplayOutput(topic or events or "", as_json=as_json or not stdout_is_terminal())
        if topic is not None:
            _replay_topic(topic, since, until, output)
        else:
            _replay_file(events or "", flows, until, output, skip_bad=skip_bad)
        failed = bool(output.failing)
    if fail and failed:
        raise typer.Exit(ExitCode.VERDICT_FAILED)


def _check_usage(
    events: str | None,
    topic: str | None,
    flows: Sequence[Path],
    *,
    since: int | None,
    compare: bool,
    skip_bad: bool,
) -> None:
    """Refuse arguments that do not go together."""
    if (events is None) == (topic is None):
        raise typer.BadParameter("give either a file of events or --topic")
    if topic is None and (since is not None or compare):
        raise typer.BadParameter("--from and --compare go with --topic")
    if topic is not None and skip_bad:
        raise typer.BadParameter("--skip-bad goes with a file of events")
    if topic is not None and bool(flows) != compare:
        raise typer.BadParameter("with --topic, --flow and --compare go together")


def _replay_file(
    events: str, flows: Sequence[Path], until: Any, output: ReplayOutput, *, skip_bad: bool
) -> None:
    from streams.cli.sandbox import command_sandbox
    from streams.engine.definitions.registry import Definitions
    from streams.flows.checks import check_files
    from streams.flows.files import load_flow_files
    from streams.replay.recorded import Replay
    from streams.settings.worker import load_worker_settings

    files = load_flow_files(flows)
    definitions = Definitions(load_worker_settings().flow_options, forgets=False)
    with command_sandbox() as scripts, _open(events) as stream:
        scripts.run(lambda sandbox: check_files(files, sandbox))
        for file in files:
            definitions.publish(file.definition)
        run = Replay(
            definitions,
            scripts.evaluate,
            until=until,
            on_bad_line=output.bad_line if skip_bad else None,
        )
        try:
            for judged in run.judge(stream):
                output.judged(judged)
        except BadLine as error:
            advice = "--skip-bad leaves such lines out"
            raise UnreadableInput(f"{events}:{error.number}: {error.reason} ({advice})") from error
    output.summary()


def _replay_topic(topic: str, since_ns: int | None, until: Any, output: ReplayOutput) -> None:
    """Judge a topic again; exit 1 if workers wrote other verdicts."""
    from schemas.topics import VERDICTS
    from streams.audit import audit
    from streams.kafka.topics import full_name

    settings = _settings_of(topic)
    auditing = audit(
        settings,
        patience_s=PATIENCE_S,
        since_ms=_in_ms(since_ns),
        until_ms=_in_ms(until),
        on_verdicts=output.verdicts,
    )
    findings = asyncio.run(auditing)
    output.summary()
    for note in findings.notes:
        say(f"note: {note}")
    for kind, place, subject, detail in findings.examples:
        complain(f"{kind}: {subject}: {detail} ({place})")
    say(_conclusion(findings, full_name(VERDICTS, settings)))
    if not findings.sound:
        raise typer.Exit(ExitCode.DIFFERENT)


def _conclusion(findings: Findings, verdict_topic: str) -> str:
    """Return in a sentence how the judgement compares with the verdict topic."""
    from streams.audit.findings import FAULTS

    left_out = sum(found.limited + found.beyond for found in findings.partitions)
    beside = f" ({count_of(left_out, 'verdict')} not compared)" if left_out else ""
    if findings.sound:
        return f"the same, line by line, as on {verdict_topic}{beside}"
    told = ", ".join(
        f"{findings.faults[kind]} {meaning}"
        for kind, meaning in FAULTS.items()
        if findings.faults[kind]
    )
    return f"not the same as on {verdict_topic}: {told}{beside}"


def _compare(
    topic: str, flows: Sequence[Path], since_ns: int | None, until: Any, *, as_json: bool
) -> bool:
    """Show what flow files would change; return True if they change anything."""
    from streams.cli.what_if import show_comparison
    from streams.flows.files import load_flow_files
    from streams.replay.comparison import compare_flows

    files = load_flow_files(flows)
    comparing = compare_flows(_settings_of(topic), files, _in_ms(since_ns), _in_ms(until))
    comparison = asyncio.run(comparing)
    show_comparison(comparison, as_json=as_json)
    return bool(comparison.changes)


def _settings_of(topic: str) -> WorkerSettings:
    from streams.cli.kafka import worker_settings
    from streams.replay.topic import settings_of_topic

    try:
        return settings_of_topic(topic, worker_settings())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _in_ms(instant: Any) -> int | None:
    """Return an instant in ns as ms; None for `end` and `last`, all that the topic holds."""
    return instant // 1_000_000 if isinstance(instant, int) else None


def _open(source: str) -> BufferedReader:
    if source == STDIN:
        return cast("BufferedReader", sys.stdin.buffer)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise UnreadableInput(f"{source}: cannot be read: {error.strerror}") from error
