"""Files, modules, commands, options, variables and metrics that docs, comments and docstrings name exist."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import pkgutil
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import typer
from pydantic_settings import BaseSettings

from producer_sdk._config import Config
from schemas.topics import TOPICS
from streams import settings
from streams.cli.root import app
from streams.metrics.registry import METRICS
from tests.support.project import FILES, PAGES, PYTHON, ROOT, name_of, words
from tools.topics_page import HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from schemas.topics import Topic

OURS = ("benchmarks", "producer_sdk", "schemas", "streams", "tests", "tools")
NAMES = [f"/{name_of(path)}" for path in FILES]
FOLDERS = {f"{parent}/" for name in NAMES for parent in re.findall(r"(?=(/.*)/)", name)}
SOURCE = "\n".join(path.read_text() for path in PYTHON if path.parts[-2:] != ("docs", path.name))
MAKEFILE = (ROOT / "Makefile").read_text()
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

SPAN = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(
    r"(?<![\w/.*<{~-])([\w.-]+/)*[\w.-]*\w\.(?:py|md|ya?ml|jsonl?|toml|svg|sh|txt|cel)\b(?![\w(])"
)
VARIABLE = re.compile(r"\bDULY_[A-Z_]+\b\*?")
METRIC = re.compile(r"\bduly_[a-z_]+\b")
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")

READERS = {
    *("a.yaml", "b.yaml", "data.json", "event.json", "events.jsonl", "event.yaml", "f.yaml"),
    *("flows/shop.yaml", "new.yaml", "notes.txt", "paid.py", "schemas.py", "FILE.svg"),
}
"""Files of a reader's own, by which an example is told."""

MADE = {".duly/", "build/coverage/"}
"""Folders that tools make."""

PROGRAMS = {"Makefile", "Dockerfile", "Dockerfile.dockerignore", "run"}

OTHER_OPTIONS = {
    "--bootstrap",  # of `python -m streams.audit`
    "--check",  # of `python -m schemas.export` and the tools
    "--json",
    "--prefix",
    "--release",
    "--preload",  # of gunicorn
    "--minutes",  # of the soak
    "--rate",
    "--restarts",
    "-m",  # of Python and pytest
    "-A",  # of Faust
}
"""Options of programs of ours that are not `duly`, and of programs of others."""


def wrong(paths: list[Path], find: Callable[[Path], Collection[str]]) -> dict[str, set[str]]:
    """Return what each file names that is not there, for those that do."""
    return {name_of(path): set(found) for path in paths if (found := find(path))}


def spans(page: Path) -> list[str]:
    """Return what a page writes as code, outside its blocks."""
    return SPAN.findall(FENCED.sub("", page.read_text()))


def is_there(file: str, beside: Path) -> bool:
    """Return True if a file is ours: from the root, from where it is named, or by the end of its path."""
    if (ROOT / file).exists() or (beside.parent / file).exists() or file in READERS:
        return True
    return any(name.endswith(f"/{file.removeprefix('./')}") for name in NAMES)


def missing_files(text: str, beside: Path) -> list[str]:
    found = (match[0] for match in FILE.finditer(text))
    return [file for file in found if not is_there(file, beside)]


PRESENT_PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""A change log tells of what was there."""


def test_pages_name_files_that_are_there() -> None:
    assert wrong(PRESENT_PAGES, lambda page: missing_files("\n".join(spans(page)), page)) == {}


def test_pages_name_folders_that_are_there() -> None:
    def missing(page: Path) -> set[str]:
        named = {span for span in spans(page) if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/", span)}
        return {name for name in named - MADE if not any(f.endswith(f"/{name}") for f in FOLDERS)}

    assert wrong(PRESENT_PAGES, missing) == {}


def test_comments_and_docstrings_name_files_that_are_there() -> None:
    assert wrong(PYTHON, lambda path: missing_files("\n".join(words(path)), path)) == {}


def test_comments_of_other_files_name_files_that_are_there() -> None:
    def missing(path: Path) -> list[str]:
        comments = re.findall(r"(?:^|\s)#+ (.*)$", path.read_text(), re.MULTILINE)
        return missing_files("\n".join(comments), path)

    others = [p for p in FILES if p.suffix in {".yaml", ".toml"} or p.name in PROGRAMS]
    assert wrong(others, missing) == {}


def is_python_name(name: str) -> bool:
    """Return True if a dotted name is a module of ours, or something in one."""
    module, _, inner = name, "", ""
    while module:
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            inner = f"{last}.{inner}".strip(".")
            continue
        for part in filter(None, inner.split(".")):
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_pages_name_modules_that_are_there() -> None:
    dotted = re.compile(rf"\b(?:{'|'.join(OURS)})(?:\.\w+)+")

    def missing(page: Path) -> list[str]:
        found = {name for span in spans(page) if "/" not in span for name in dotted.findall(span)}
        return [name for name in found if not name.endswith(".py") and not is_python_name(name)]

    assert wrong(PAGES, missing) == {}


def test_pages_run_modules_that_are_there() -> None:
    def missing(page: Path) -> list[str]:
        run = re.findall(r"python3? -m ([\w.]+\w)", page.read_text())
        ours = {name for name in run if name.split(".")[0] in OURS}
        return [name for name in ours if importlib.util.find_spec(name) is None]

    assert wrong(PAGES, missing) == {}


# --- commands

ROOT_COMMAND: Any = typer.main.get_command(app)


def options(command: Any) -> set[str]:
    taken = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}
    return taken.union(*map(options, getattr(command, "commands", {}).values()))


def wrong_words(text: str) -> list[str]:
    """Return the words of a call of `duly` that name no command and no option of it."""
    command = ROOT_COMMAND
    wrong: list[str] = []
    for word in re.split(r"[\s=]+", text)[1:]:
        if getattr(command, "commands", None) and re.fullmatch(r"[a-z][a-z-]*", word):
            if word not in command.commands:
                return [word]
            command = command.commands[word]
        elif OPTION.fullmatch(word) and word not in options(command):
            wrong.append(word)
    return wrong


def test_pages_name_commands_with_options_that_are_there() -> None:
    def missing(page: Path) -> list[str]:
        return [call for call in spans(page) if call.startswith("duly ") and wrong_words(call)]

    assert wrong(PAGES, missing) == {}


def test_pages_name_options_that_are_there() -> None:
    known = options(ROOT_COMMAND) | OTHER_OPTIONS
    assert wrong(PAGES, lambda page: set(filter(OPTION.fullmatch, spans(page))) - known) == {}


def test_messages_and_docstrings_name_commands_that_are_there() -> None:
    def missing(path: Path) -> list[str]:
        calls = re.findall(r"`(duly [a-z][^`\n]*)`", path.read_text())
        return [call for call in calls if wrong_words(call)]

    assert wrong(PYTHON, missing) == {}


def test_pages_name_targets_of_make_that_are_there() -> None:
    def missing(page: Path) -> list[str]:
        named = [match[1] for span in spans(page) if (match := re.match(r"make ([a-z]+)", span))]
        return [name for name in named if f"\n{name}:" not in MAKEFILE]

    assert wrong(PAGES, missing) == {}


# --- variables, metrics, routes, headers, extras


def worker_variables() -> set[str]:
    modules = [
        importlib.import_module(f"streams.settings.{found.name}")
        for found in pkgutil.iter_modules(settings.__path__)
    ]
    models = [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings)
    ]
    return {f"DULY_{name.upper()}" for model in models for name in model.model_fields}


def test_pages_name_variables_that_are_read() -> None:
    known = {field.metadata["env"] for field in dataclasses.fields(Config)} | worker_variables()

    def is_known(name: str) -> bool:
        """Return True for a variable, and for `DULY_SASL_*` if some begin so."""
        begins = name.rstrip("*")
        return name in known or (begins[-1] == "_" and any(k.startswith(begins) for k in known))

    named = {page: VARIABLE.findall(page.read_text()) for page in PAGES}
    assert wrong(PAGES, lambda page: [name for name in named[page] if not is_known(name)]) == {}


def test_pages_name_metrics_that_are_counted() -> None:
    def missing(page: Path) -> set[str]:
        named = METRIC.findall(page.read_text())
        return {re.sub(r"_(bucket|count|sum)$", "", name) for name in named} - set(METRICS)

    assert wrong(PRESENT_PAGES, missing) == {}


def test_pages_name_routes_that_are_served_or_asked_for() -> None:
    route = re.compile(r"(?:(?:GET|POST|PUT) )?(/[a-z][\w/-]*)")

    def missing(page: Path) -> list[str]:
        named = [match[1] for span in spans(page) if (match := route.fullmatch(span))]
        return [name for name in named if name not in SOURCE]

    assert wrong(PAGES, missing) == {}


def test_pages_name_headers_flows_and_threads_of_ours_that_are_in_the_code() -> None:
    def missing(page: Path) -> list[str]:
        named = [span for span in spans(page) if re.fullmatch(r"duly-[a-z-]+", span)]
        return [name for name in named if f'"{name}' not in SOURCE]

    assert wrong(PAGES, missing) == {}


def test_pages_name_extras_that_are_declared() -> None:
    def missing(page: Path) -> set[str]:
        named = re.findall(r"\bduly\[([\w,]+)\]", page.read_text())
        return {extra for listed in named for extra in listed.split(",")} - set(EXTRAS)

    assert wrong(PAGES, missing) == {}


# --- and what is there is documented

TOPICS_PAGE = (ROOT / "docs" / "topics.md").read_text()


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_each_topic_is_documented(topic: Topic) -> None:
    assert f"`{topic.name}`" in TOPICS_PAGE


@pytest.mark.parametrize("header", HEADERS)
def test_each_header_is_documented(header: str) -> None:
    assert f"`{header}`" in TOPICS_PAGE
