"""The command `duly`: its options and subcommands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from streams.cli import (
    config,
    dead_letters,
    demo,
    dev,
    doctor,
    flow,
    replay,
    script,
    topics,
    verdicts,
    worker,
)
from streams.cli.exit_codes import DulyGroup

app = typer.Typer(
    name="duly",
    cls=DulyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    epilog="Exit codes: 0 success; 1 a verdict failed (if asked for), a comparison found differences, "
    "or a script did not return true; 2 usage; 3 no verdict in time; 4 the broker or its topics.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"duly {version('duly')}")
        raise typer.Exit


@app.callback()
def duly(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Check that business runs happen in due order and due time.

    Settings of broker and worker are environment variables; the first to set is DULY_BROKER.
    """


app.command("demo")(demo.demo)
app.command("dev")(dev.dev)
app.command("worker")(worker.worker)
app.command("doctor")(doctor.doctor)
app.command("verdicts")(verdicts.verdicts)
app.command("replay")(replay.replay)
app.add_typer(flow.app)
app.add_typer(script.app)
app.add_typer(topics.app)
app.add_typer(dead_letters.app)
app.add_typer(config.app)
