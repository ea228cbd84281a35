"""`duly replay`: judge recorded events anew, from a file or from a topic."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.instants import INSTANT, parse_instant_option
from streams.cli.output import count_of, print_json, print_lines
from streams.cli.replay_report import Report
from streams.cli.terminal import complain, say, stdout_is_terminal
from streams.errors import NoRecording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader

STDIN = "-"


def _parse_until(text: Any) -> Any:
    return text if text in {"end", "last"} else parse_instant_option(text)


def replay(
    events: Annotated[
        str | None, typer.Argument(metavar="EVENTS", help="File of recorded events; - is stdin.")
    ] = None,
    *,
    topic: Annotated[
        str | None,
        typer.Option(metavar="TOPIC", help="Judge this events topic of the broker, not a file."),
    ] = None,
    since: Annotated[
        Any,
        typer.Option(
            "--from",
            parser=parse_instant_option,
            metavar=INSTANT,
            help="With --topic: leave out what was recorded earlier (ns since 1970, or ISO 8601).",
        ),
    ] = None,
    until: Annotated[
        Any,
        typer.Option(
            parser=_parse_until,
            metavar="end|last|TIME",
            help="Where time stops: when every run is closed, with the last line, or at an "
            "instant (ns since 1970, or ISO 8601). With --topic: an instant; by default, what the "
            "topic holds now.",
        ),
    ] = "end",
    flow: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A flow file to judge by; may be given several times."),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="With --topic: say which runs --flow would change, and how."
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print JSON on a terminal too, not only elsewhere; with --compare, one document "
            "instead of text.",
        ),
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out lines of a file that are no events.")
    ] = False,
    fail: Annotated[
        bool,
        typer.Option(
            "--fail",
            help="Exit 1 if a run's last verdict is `failed`; with --compare, if a run changes.",
        ),
    ] = False,
) -> None:
    """Judge recorded events anew, by the engine of the worker.

    **From a file**, without a broker. Prints one verdict a line, in the order decided: the same
    verdicts, with the same ids, as a worker makes of these events. What flows their events teach
    is learned, as live. A line is an event of the wire, with `recorded_at` (ns) where it was not
    recorded at its own `ts`, or `{"clock": ns}`, time that passed without an event.

        duly replay --flow shop.yaml events.jsonl

        zcat events.jsonl.gz | duly replay --flow shop.yaml - --until last | jq .status

    **From a topic.** Prints the same, partition by partition, by the definitions that the broker
    had at each time, and compares line by line with the verdicts that workers gave: exit 1 if they
    are not the same. Runs that began before `--from` are left out.

        duly replay --topic flow-events.v1 --from 2026-01-31T12:00:00Z

    **What if?** Judges the topic twice, as it was and with flow files in place of what was
    published, and prints the runs that would change. Nothing is written anywhere.

        duly replay --topic flow-events.v1 --flow new.yaml --compare
    """
    _check_usage(events, topic, flow or [], since=since, compare=compare, skip_bad=skip_bad)
    if topic is None:
        assert events is not None  # noqa: S101 -- one of the two is given
        report = Report(events, as_json=as_json or not stdout_is_terminal())
        _replay_file(events, flow or [], until, report, skip_bad=skip_bad)
        failed = bool(report.failing)
    elif compare:
        failed = _compare(topic, flow or [], since, until, as_json=as_json)
    else:
        report = Report(topic, as_json=as_json or not stdout_is_terminal())
        _replay_topic(topic, since, until, report)
        failed = bool(report.failing)
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
    """Refuse what does not go together."""
    if (events is None) == (topic is None):
        raise typer.BadParameter("give either a file of events or --topic")
    if topic is None and (since is not None or compare):
        raise typer.BadParameter("--from and --compare go with --topic")
    if topic is not None and skip_bad:
        raise typer.BadParameter("--skip-bad goes with a file of events")
    if topic is not None and bool(flows) != compare:
        raise typer.BadParameter("with --topic, --flow and --compare go together")


def _replay_file(
    events: str, flows: Sequence[Path], until: Any, report: Report, *, skip_bad: bool
) -> None:
    from streams.cli.scripts import running_scripts
    from streams.engine.definitions.registry import Definitions
    from streams.flows.files import load_flow_files
    from streams.replay.recorded import Replay
    from streams.replay.recording import BadLine
    from streams.settings.worker import load_worker_settings

    files = load_flow_files(flows)
    definitions = Definitions(load_worker_settings().flow_options, forgets=False)
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


def _replay_topic(topic: str, since_ns: int | None, until: Any, report: Report) -> None:
    """Judge a topic anew; ends with exit 1 if that is not what workers said."""
    from streams.audit import audit
    from streams.cli.kafka import worker_settings
    from streams.replay.topic import PATIENCE_S, conclusion, differences, settings_of_topic

    settings = settings_of_topic(topic, worker_settings())
    findings = asyncio.run(
        audit(
            settings,
            patience_s=PATIENCE_S,
            since_ms=_in_ms(since_ns),
            until_ms=_in_ms(until),
            on_verdicts=report.verdicts,
        )
    )
    report.summary()
    for note in findings.notes:
        say(f"note: {note}")
    for difference in differences(findings):
        complain(difference)
    say(conclusion(findings, settings))
    if not findings.sound:
        raise typer.Exit(ExitCode.DIFFERENT)


def _compare(
    topic: str, flows: Sequence[Path], since_ns: int | None, until: Any, *, as_json: bool
) -> bool:
    """Say what flow files would change; return whether they change anything."""
    from streams.cli.kafka import worker_settings
    from streams.flows.comparison import compare_flows
    from streams.flows.files import load_flow_files
    from streams.replay.topic import settings_of_topic

    files = load_flow_files(flows)
    settings = settings_of_topic(topic, worker_settings())
    comparison = asyncio.run(compare_flows(settings, files, _in_ms(since_ns), _in_ms(until)))
    if as_json:
        print_json(comparison.as_object())
    else:
        print_lines(comparison.as_lines())
    for note in comparison.notes:
        say(f"note: {note}")
    if comparison.left_out:
        say(f"left out: {count_of(comparison.left_out, 'run')} that began before --from")
    say(comparison.sentence())
    return bool(comparison.changes)


def _in_ms(instant: Any) -> int | None:
    """Return an instant in ns as ms; None for the words that mean all that a topic holds."""
    return instant // 1_000_000 if isinstance(instant, int) else None


def _open(source: str) -> BufferedReader:
    if source == STDIN:
        return cast("BufferedReader", sys.stdin.buffer)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise NoRecording(f"{source}: cannot be read: {error.strerror}") from error
