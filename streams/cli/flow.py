"""`duly flow`: validates, publishes and shows definitions of flows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.flow_diff import diff
from streams.cli.flow_graph import graph
from streams.cli.terminal import say

if TYPE_CHECKING:
    from streams.flows.files import FlowFile

app = typer.Typer(
    name="flow",
    help="Definitions of flows: validate, apply, show, draw, compare.",
    no_args_is_help=True,
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Flow files, YAML.")]


@app.command()
def validate(files: Files) -> None:
    """Check flow files and their scripts, without a broker.

    Prints `flow@version` of each file. If a file is refused, the exit code is 2, and stderr lists
    everything that is wrong, with file, line, node and reason.

        duly flow validate flows/*.yaml
    """
    from streams.engine.definitions.definition import published_version

    for file in _checked(files):
        typer.echo(f"{file.flow}@{published_version(file.definition)}")


@app.command()
def apply(files: Files) -> None:
    """Publish flow files, and return when they are in force.

    A definition judges the runs that open two seconds after it was published, or later; open runs
    keep the one they have. Prints `flow@version` of each file. A definition that is published
    already is not published again. If a file is refused, nothing is published, and the exit code
    is 2.

        DULY_BROKER=kafka:9092 duly flow apply flows/shop.yaml
    """
    from streams.cli.kafka import command_settings
    from streams.flows.publishing import publish

    checked = _checked(files)
    definitions = [file.definition for file in checked]
    for published in asyncio.run(publish(definitions, command_settings())):
        typer.echo(f"{published.flow}@{published.version}")
        say(f"{published.flow}: {'in force' if published.is_new else 'was in force already'}")


@app.command()
def show(
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="The name of a flow.")],
    version: Annotated[
        str | None, typer.Option(help="An older version, for as long as runs may be judged by it.")
    ] = None,
) -> None:
    """Print the newest definition of a flow, as YAML that `apply` takes.

    Of a flow that nobody published, what events taught of it is shown.

        duly flow show shop > flows/shop.yaml
    """
    from streams.cli.kafka import command_settings
    from streams.flows.files import dump_flow
    from streams.flows.stored import find_definition

    found = asyncio.run(find_definition(flow, version, command_settings()))
    typer.echo(f"# {found.origin}\n{dump_flow(found.definition)}", nl=False)


app.command("graph")(graph)
app.command("diff")(diff)


def _checked(paths: list[Path]) -> list[FlowFile]:
    from streams.cli.sandbox import command_sandbox
    from streams.flows.checks import check_files
    from streams.flows.files import load_flow_files

    files = load_flow_files(paths)
    with command_sandbox() as scripts:
        scripts.run(lambda sandbox: check_files(files, sandbox))
    return files
