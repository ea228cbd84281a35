"""Contracts that import-linter cannot state; those that it can are in pyproject.toml."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["id"]: contract for contract in LINTER["contracts"]
}

MAY_MEET_FAUST = {"agents", "cli", "faust_batches", "pipeline", "worker"}
"""`cli` has a contract of its own: it starts the worker."""

OWN_UNDERSCORES = {"_asdict", "_exit", "_fields", "_make", "_replace"}
"""Public names in spite of their underscore: those of named tuples, and os._exit."""

AIOKAFKA_INTERNALS = ("consumer.", "coordinator", "conn", "producer.", "record")


def run(program: str, cwd: Path) -> str:
    """Run a program in an interpreter that has loaded nothing yet; return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def children() -> set[str]:
    """The modules and packages of `streams`."""
    return {
        path.stem
        for path in (ROOT / "streams").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }


def sources(contract: str) -> set[str]:
    named: list[str] = CONTRACTS[contract]["source_modules"]
    return {name.removeprefix("streams.") for name in named if name.startswith("streams.")}


def test_every_module_of_streams_may_meet_faust_or_is_forbidden_to() -> None:
    assert sources("faust") == children() - MAY_MEET_FAUST
    assert sources("faust-cli") == {"cli"}


def test_no_module_but_the_command_line_may_ask_typer() -> None:
    assert sources("screens") == children() - {"cli"}


def test_every_module_of_streams_is_in_a_layer() -> None:
    """`exhaustive` says so too, once the cache of import-linter knows of a new module."""
    layers: list[str] = CONTRACTS["layers"]["layers"]
    assert {module for layer in layers for module in layer.split(" : ")} == children()
    assert CONTRACTS["layers"]["exhaustive"] is True


# --- private names of aiokafka


def private_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield places that reach into another object's private parts, by whatever spelling."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, value=value) if not _is_own(value):
                yield node.lineno, name
            case ast.Subscript(slice=ast.Constant(value=str(name))):
                yield node.lineno, name
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "delattr" | "hasattr"),
                args=[_, ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr="update"), keywords=keywords):
                yield from ((node.lineno, keyword.arg or "") for keyword in keywords)
            case _:
                pass


def _is_own(value: ast.expr) -> bool:
    match value:
        case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
            return True
        case _:
            return False


def own_names(tree: ast.AST) -> set[str]:
    """Return the private attributes of the classes of a module: a class may look into its like."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _is_own(node.value)
    }


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in OWN_UNDERSCORES


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reaches(tree: ast.AST) -> list[str]:
    """Return what a module reaches for that it must not."""
    internals = tuple(f"aiokafka.{name}" for name in AIOKAFKA_INTERNALS)
    own = own_names(tree)
    return [
        *(
            f"{name} (line {line})"
            for line, name in private_names(tree)
            if is_private(name) and name not in own
        ),
        *(f"import of {name}" for name in imports(tree) if name.startswith(internals)),
    ]


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    "path", modules("streams", "producer_sdk"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_faust_batches_reaches_into_private_parts(path: Path) -> None:
    found = reaches(ast.parse(path.read_text(encoding="utf-8")))
    if "faust_batches" not in path.parts:
        assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "consumer._client.ready()",
        "self._consumer._coordinator",
        "vars(consumer)['_fetcher']",
        "getattr(app.consumer, '_thread', None)",
        "vars(consumer).update(_isolation_level='read_committed')",
        "from aiokafka.consumer.fetcher import Fetcher",
        "import aiokafka.producer.message_accumulator",
    ],
)
def test_every_spelling_of_such_a_reach_is_noticed(text: str) -> None:
    assert len(reaches(ast.parse(text))) == 1


OVERRIDES = """\
import pkgutil, sys
import streams
from importlib import import_module
from inspect import getmro, isclass

for module in pkgutil.walk_packages(streams.__path__, "streams."):
    if not module.name.endswith("__main__"):
        import_module(module.name)

for name in [name for name in sys.modules if name.startswith("streams.")]:
    for kind in vars(sys.modules[name]).values():
        if isclass(kind) and kind.__module__ == name:
            bases = {base.__module__.partition(".")[0] for base in getmro(kind)}
            if bases & {"aiokafka", "faust", "mode"}:
                print(name)
"""


def test_only_faust_batches_overrides_faust_and_aiokafka(tmp_path: Path) -> None:
    found = run(OVERRIDES, tmp_path).split()
    assert len(found) > 5
    assert {name for name in found if not name.startswith("streams.faust_batches.")} == set()


def test_faust_batches_is_where_the_reaches_are() -> None:
    found = [reaches(ast.parse(path.read_text())) for path in modules("streams/faust_batches")]
    assert len([reach for reached in found for reach in reached]) > 5


# --- who imports whom


def test_benchmarks_import_of_the_tests_what_is_there_to_be_shared() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules("benchmarks")
        for name in imports(ast.parse(path.read_text(encoding="utf-8")))
        if name.startswith("tests.") and not name.startswith("tests.support.")
    ]
    assert wrong == []


KAFKA_ALONE = """\
import pkgutil, sys
import streams.kafka
from importlib import import_module

for module in pkgutil.walk_packages(streams.kafka.__path__, "streams.kafka."):
    import_module(module.name)
print([name for name in ("faust", "mode", "typer") if name in sys.modules])
"""


def test_the_clients_of_kafka_load_no_faust_and_no_command_line(tmp_path: Path) -> None:
    assert run(KAFKA_ALONE, tmp_path) == "[]\n"
