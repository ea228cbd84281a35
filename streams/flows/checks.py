"""Everything that can be wrong with a definition: its values, its graph (R18), its scripts.

The one check of flow files and of definitions that come as JSON. Scripts are compiled only where
the rest is right: a value of the wrong type has no script in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from schemas.errors import DefinitionProblem, InvalidDefinition
from schemas.v1.definition import FlowDefinition
from streams.engine.definitions.checks import check_definition as check_graph
from streams.errors import InvalidFlowFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from streams.errors import FileProblem
    from streams.flows.files import FlowFile

_SCRIPTS = ("filter", "validator")


class ScriptCompiler(Protocol):
    """Compiles scripts: `streams.scripts.sandbox.Sandbox` does."""

    async def check(self, engine: str, source: str, kind: str) -> str | None:
        """Return why a script cannot be used, or None if it can."""
        ...


async def check_definition(content: Mapping[str, Any], compiler: ScriptCompiler) -> dict[str, Any]:
    """Return a definition as given, without defaults, if it can be published.

    Raises:
        InvalidDefinition: with every problem, its place and its node.
    """
    definition = check_content(content)
    if problems := [problem async for problem in _script_problems(definition, compiler)]:
        raise InvalidDefinition(problems)
    return definition


async def check_files(files: Iterable[FlowFile], compiler: ScriptCompiler) -> None:
    """Compile every script of flow files; `load_flow_file` has checked the rest of them.

    Raises:
        InvalidFlowFile: with every script that cannot be used, its file and its line.
    """
    problems: list[FileProblem] = [
        file.problem(problem.place, problem.message)
        for file in files
        async for problem in _script_problems(file.definition, compiler)
    ]
    if problems:
        raise InvalidFlowFile(problems)


def check_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Check the values of a definition, then its graph; return it as given, without defaults.

    Raises:
        InvalidDefinition: with every problem, its place and its node.
    """
    definition = FlowDefinition.parse(content).given()
    if problems := check_graph(definition):
        raise InvalidDefinition(problems)
    return definition


async def _script_problems(
    definition: Mapping[str, Any], compiler: ScriptCompiler
) -> AsyncIterator[DefinitionProblem]:
    for index, node in enumerate(definition["nodes"]):
        for kind in _SCRIPTS:
            script = node.get(kind)
            if script is None:
                continue
            reason = await compiler.check(script["engine"], script["script"], kind)
            if reason is not None:
                place = f"nodes[{index}].{kind}.script"
                yield DefinitionProblem(place, node["id"], f"cannot be used: {reason}")
