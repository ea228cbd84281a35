"""`duly script`: try a filter or a validator, in the sandbox of the worker and under its limits."""

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
from streams.errors import WrongInput

if TYPE_CHECKING:
    from streams.engine.script_calls import Outcome, ScriptAnswer, ScriptCall

app = typer.Typer(name="script", help="Try a filter or a validator.", no_args_is_help=True)

STDIN = "-"
NO_DEPENDENCIES = b'{"deps":[]}'


class Engine(StrEnum):
    """The languages of scripts."""

    PYTHON = "python"
    CEL = "cel"
    JS = "js"


class Kind(StrEnum):
    """What a script is asked for."""

    FILTER = "filter"
    VALIDATOR = "validator"


MEANINGS: dict[Kind, dict[Outcome, str]] = {
    Kind.VALIDATOR: {
        "true": "the event is right",
        "false": "its node fails with validator",
        "not_compiled": "its node fails with definition",
    },
    Kind.FILTER: {
        "true": "the event counts",
        "false": "the event does not count",
        "none": "the event does not count",
        "not_compiled": "its node fails with definition",
    },
}
"""What a worker makes of an answer; every other one fails the node with `validator_error` or
`filter_error`."""


File = Annotated[str, typer.Argument(metavar="FILE", help="The script alone; - is stdin.")]
EngineOption = Annotated[
    Engine | None,
    typer.Option("--engine", help="Its language; left out, a .py, .cel or .js file says it."),
]
KindOption = Annotated[Kind, typer.Option("--kind", help="What it is asked for.")]


@app.callback()
def script() -> None:
    """Try a filter or a validator, in the sandbox of the worker and under its limits."""


@app.command()
def check(
    file: File,
    engine: EngineOption = None,
    kind: KindOption = Kind.VALIDATOR,
    as_json: AsJson = False,
) -> None:
    """Say whether a script compiles. Exit 1 if it is refused, with place and reason.

    duly script check paid.py

    echo 'data.amount > 0' | duly script check --engine cel -
    """
    from streams.cli.scripts import running_scripts

    language = _language(file, engine)
    source = _source(file)
    with running_scripts() as scripts:
        reason = scripts.refusal(language, source, kind.value)
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
    kind: KindOption = Kind.VALIDATOR,
    data: Annotated[
        str, typer.Option(metavar="JSON", help="The event's data, or @FILE that holds them.")
    ] = "{}",
    ctx: Annotated[
        str, typer.Option(metavar="JSON", help="What it knows beside, or @FILE that holds it.")
    ] = NO_DEPENDENCIES.decode(),
    as_json: AsJson = False,
) -> None:
    """Run a script on one event, as a worker would.

    Prints the answer, on stderr what a worker makes of it and how long it took. Exit 1 if the
    answer is not `true`.

        duly script run paid.py --data '{"amount": 6}' --ctx '{"data": {"total": 5}}'

        duly script run paid.cel --data @event.json --json | jq -r .detail
    """
    from streams.cli.scripts import running_scripts
    from streams.engine.script_calls import ScriptCall

    call = ScriptCall(
        _language(file, engine),
        _source(file),
        kind.value,
        _json_object("--data", data),
        _json_object("--ctx", ctx),
    )
    with running_scripts() as scripts:
        scripts.refusal(call.engine, call.source, kind.value)  # so that only the call is timed
        began_s = time.perf_counter()
        (answer,) = scripts.evaluate([call])
        took_ms = round((time.perf_counter() - began_s) * 1_000, 1)
    _print_answer(call, answer, took_ms, as_json=as_json)
    if answer.outcome != "true":
        raise typer.Exit(ExitCode.VERDICT_FAILED)


def _print_answer(call: ScriptCall, answer: ScriptAnswer, took_ms: float, *, as_json: bool) -> None:
    meaning = MEANINGS[Kind(call.kind)].get(
        answer.outcome, f"its node fails with {call.kind}_error"
    )
    if as_json:
        asked = {"engine": call.engine, "kind": call.kind}
        print_json(asked | answer._asdict() | {"meaning": meaning, "duration_ms": took_ms})
        return
    typer.echo(f"{answer.outcome}: {answer.detail}" if answer.detail else answer.outcome)
    say(f"{meaning} ({took_ms} ms)")


def _language(file: str, engine: Engine | None) -> str:
    if engine is not None:
        return engine.value
    by_ending = {".py": Engine.PYTHON, ".cel": Engine.CEL, ".js": Engine.JS}
    if (ending := Path(file).suffix) not in by_ending:
        raise WrongInput(f"{file}: its name does not end in .py, .cel or .js: say --engine")
    return by_ending[ending].value


def _source(file: str) -> str:
    content = sys.stdin.buffer.read() if file == STDIN else _read(file)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise WrongInput(f"{file}: is not UTF-8 text (byte {error.start})") from error


def _json_object(option: str, text: str) -> bytes:
    """Return a JSON object as the worker would give it to a script."""
    content = _read(text.removeprefix("@")) if text.startswith("@") else text.encode()
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise WrongInput(f"{option}: is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise WrongInput(f"{option}: must be a JSON object, not {type(value).__name__}")
    return orjson.dumps(value)


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise WrongInput(f"{file}: cannot be read: {error.strerror}") from error
