"""`duly script`: compiles and runs a filter or a validator, in the sandbox and limits of a worker."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from streams.cli.exit_codes import ExitCode
from streams.cli.output import AsJson, print_json
from streams.cli.terminal import complain, say
from streams.errors import UnreadableInput

if TYPE_CHECKING:
    from streams.engine.script_calls import Outcome, ScriptAnswer, ScriptCall

app = typer.Typer(name="script", help="Try a filter or a validator.", no_args_is_help=True)

STDIN = "-"
NO_DEPENDENCIES = b'{"deps":[]}'


class ScriptLanguage(StrEnum):
    """Languages of scripts."""

    PYTHON = "python"
    CEL = "cel"
    JS = "js"


class ScriptKind(StrEnum):
    """Uses of a script."""

    FILTER = "filter"
    VALIDATOR = "validator"


MEANINGS: dict[ScriptKind, dict[Outcome, str]] = {
    ScriptKind.VALIDATOR: {
        "true": "the event is right",
        "false": "its node fails with validator",
        "not_compiled": "its node fails with definition",
    },
    ScriptKind.FILTER: {
        "true": "the event counts",
        "false": "the event does not count",
        "none": "the event does not count",
        "not_compiled": "its node fails with definition",
    },
}
"""The effect of an answer in a worker; any other fails the node with `validator_error` or
`filter_error`."""


File = Annotated[str, typer.Argument(metavar="FILE", help="File with the script; - is stdin.")]
EngineOption = Annotated[
    ScriptLanguage | None,
    typer.Option("--engine", help="Its language; by default that of a .py, .cel or .js file."),
]
KindOption = Annotated[
    ScriptKind, typer.Option("--kind", help="Whether it is a filter or a validator.")
]


@app.callback()
def script() -> None:
    """Try a filter or a validator, in the sandbox of the worker and under its limits."""


@app.command()
def check(
    file: File,
    engine: EngineOption = None,
    kind: KindOption = ScriptKind.VALIDATOR,
    as_json: AsJson = False,
) -> None:
    """Check that a script compiles; if not, exit 1, with line and reason.

    duly script check paid.py

    echo 'data.amount > 0' | duly script check --engine cel -
    """
    from streams.cli.sandbox import command_sandbox

    language = _language(file, engine)
    source = _source(file)
    with command_sandbox() as scripts:
        reason = scripts.check(language, source, kind.value)
    if as_json:
        answer = {"engine": language, "kind": kind.value, "compiles": reason is None}
        print_json(answer | {"reason": reason})
    elif reason is None:
        typer.echo(f"{file}: compiles")
    else:
        complain(f"{file}: {reason}")
    if reason is not None:
        raise typer.Exit(ExitCode.VERDICT_FAILED)


@app.command()
def run(
    file: File,
    engine: EngineOption = None,
    kind: KindOption = ScriptKind.VALIDATOR,
    data: Annotated[str, typer.Option(metavar="JSON", help="The event's `data`, or @FILE.")] = "{}",
    ctx: Annotated[
        str, typer.Option(metavar="JSON", help="The script's `ctx`, or @FILE.")
    ] = NO_DEPENDENCIES.decode(),
    as_json: AsJson = False,
) -> None:
    """Run a script on one event, as a worker would.

    Prints the answer, and on stderr its effect in a worker and the time it took. Exit 1 if the
    answer is not `true`.

        duly script run paid.py --data '{"amount": 6}' --ctx '{"data": {"total": 5}}'

        duly script run paid.cel --data @event.json --json | jq -r .detail
    """
    from streams.cli.sandbox import command_sandbox
    from streams.engine.script_calls import ScriptCall

    call = ScriptCall(
        _language(file, engine),
        _source(file),
        kind.value,
        _json_object("--data", data),
        _json_object("--ctx", ctx),
    )
    with command_sandbox() as scripts:
        scripts.check(call.engine, call.source, kind.value)  # so that only the call is timed
        began_s = time.perf_counter()
        (answer,) = scripts.evaluate([call])
        took_ms = round((time.perf_counter() - began_s) * 1_000, 1)
    _print_answer(call, answer, took_ms, as_json=as_json)
    if answer.outcome != "true":
        raise typer.Exit(ExitCode.VERDICT_FAILED)


def _print_answer(call: ScriptCall, answer: ScriptAnswer, took_ms: float, *, as_json: bool) -> None:
    meaning = MEANINGS[ScriptKind(call.kind)].get(
        answer.outcome, f"its node fails with {call.kind}_error"
    )
    if as_json:
        asked = {"engine": call.engine, "kind": call.kind}
        print_json(asked | answer._asdict() | {"meaning": meaning, "duration_ms": took_ms})
        return
    typer.echo(f"{answer.outcome}: {answer.detail}" if answer.detail else answer.outcome)
    say(f"{meaning} ({took_ms} ms)")


def _language(file: str, engine: ScriptLanguage | None) -> str:
    if engine is not None:
        return engine.value
    by_ending = {".py": ScriptLanguage.PYTHON, ".cel": ScriptLanguage.CEL, ".js": ScriptLanguage.JS}
    if (ending := Path(file).suffix) not in by_ending:
        raise UnreadableInput(f"{file}: its name does not end in .py, .cel or .js: give --engine")
    return by_ending[ending].value


def _source(file: str) -> str:
    content = sys.stdin.buffer.read() if file == STDIN else _read(file)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"{file}: is not UTF-8 text (byte {error.start})") from error


def _json_object(option: str, text: str) -> bytes:
    """Return a JSON object as the worker would give it to a script."""
    content = _read(text.removeprefix("@")) if text.startswith("@") else text.encode()
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnreadableInput(f"{option}: is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableInput(f"{option}: must be a JSON object, not {type(value).__name__}")
    return orjson.dumps(value)


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{file}: cannot be read: {error.strerror}") from error
