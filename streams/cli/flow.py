"""`duly flow`: definitions of flows, from files to the definitions topic and back."""

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
    name="flow", help="Definitions of flows: validate, apply, show.", no_args_is_help=True
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Flow files, YAML.")]


@app.command()
def validate(files: Files) -> None:
    """Check flow files, their scripts too, without a broker.

    Prints `flow@version` of each. A file that is refused: exit 2, and on stderr the file, line,
    node and reason of everything that is wrong.

        duly flow validate flows/*.yaml
    """
    from streams.engine.definitions.definition import published_version

    for file in _checked(files):
        typer.echo(f"{file.flow}@{published_version(file.definition)}")


@app.command()
def apply(files: Files) -> None:
    """Publish flow files, and return when they are in force.

    A definition is in force for the runs that open two seconds after it was published, or later;
    runs that are open keep theirs. Prints `flow@version` of each. What is published already is
    not published again. A file that is refused publishes nothing: exit 2.

        DULY_BROKER=kafka:9092 duly flow apply flows/shop.yaml
    """
    from streams.cli.kafka import command_settings
    from streams.flows.publishing import publish

    checked = _checked(files)
    for published in asyncio.run(publish(checked, command_settings())):
        typer.echo(f"{published.flow}@{published.version}")
        say(f"{published.flow}: {'in force' if published.is_new else 'was in force already'}")


@app.command()
def show(
    flow: Annotated[str, typer.Argument(help="The name of a flow.")],
    version: Annotated[
        str | None, typer.Option(help="A version that runs may still be judged by.")
    ] = None,
) -> None:
    """Print the newest definition of a flow, as YAML that `apply` takes.

    A flow that nobody published but whose events taught it is shown as learned.

        duly flow show shop > flows/shop.yaml
    """
    from streams.cli.kafka import command_settings
    from streams.flows.files import dump_flow
    from streams.flows.publishing import find_definition

    found = asyncio.run(find_definition(flow, version, command_settings()))
    typer.echo(f"# {found.origin}\n{dump_flow(found.definition)}", nl=False)


app.command("graph")(graph)
app.command("diff")(diff)


def _checked(paths: list[Path]) -> list[FlowFile]:
    from streams.cli.scripts import running_scripts
    from streams.flows.files import load_flow_files

    files = load_flow_files(paths)
    with running_scripts() as scripts:
        scripts.check(files)
    return files
