"""Loads the definition that a name stands for: a file, a flow, or a version of one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from streams.engine.definitions.definition import Definition, Options
from streams.errors import NotFound
from streams.flows.files import load_flow_file
from streams.flows.history import read_history
from streams.kafka.topic_reader import open_reader

if TYPE_CHECKING:
    from streams.engine.definitions.registry import Definitions
    from streams.settings.worker import WorkerSettings

_VERSION = re.compile(r"[0-9a-f]{16}")
_FILE_ENDINGS = {".yaml", ".yml"}


class LoadedDefinition(NamedTuple):
    """A definition and its name.

    Attributes:
        name: the file, or `flow@version`.
        definition: as the engine judges by it.
        is_file: True for a file, in which nothing was learned from events.
        defaults: the flow options where the definition gives none.
    """

    name: str
    definition: Definition
    is_file: bool
    defaults: Options

    def published_only(self) -> LoadedDefinition:
        """Return it without what events taught; a flow that nobody published stays as it is."""
        whole = self.definition
        if not whole.published:
            return self
        published = Definition(
            whole.flow,
            published=whole.published.values(),
            options=whole.published_options,
            defaults=self.defaults,
        )
        return self._replace(definition=published)


async def load_definitions(*names: str, settings: WorkerSettings) -> list[LoadedDefinition]:
    """Load definitions: each a FILE, a FLOW (the newest), FLOW@VERSION, or a VERSION alone.

    The broker is asked only if one of them is not a file.

    Raises:
        InvalidFlowFile: a file cannot be used.
        NotFound: the definitions topic does not hold one of them.
        BrokerUnavailable: the broker cannot be reached, or has no definitions topic.
    """
    defaults = Options().updated(settings.flow_options)
    known = None if all(map(_is_file, names)) else await _read_known(settings)
    return [
        _from_file(name, defaults)
        if known is None or _is_file(name)
        else _from_topic(name, known, defaults)
        for name in names
    ]


def _is_file(text: str) -> bool:
    path = Path(text)
    return path.suffix in _FILE_ENDINGS or path.name != text or path.is_file()


def _from_file(path: str, defaults: Options) -> LoadedDefinition:
    written = load_flow_file(path).definition
    definition = Definition(
        written["flow"],
        published=written["nodes"],
        options=written.get("options"),
        defaults=defaults,
    )
    return LoadedDefinition(path, definition, is_file=True, defaults=defaults)


class _Known(NamedTuple):
    """All definitions of the topic."""

    definitions: Definitions
    versions: dict[str, list[str]]
    """Flow → its versions, the oldest first."""


async def _read_known(settings: WorkerSettings) -> _Known:
    async with open_reader(settings) as reader:
        history = await read_history(reader, settings)
    definitions, _ = history.definitions(settings.flow_options)
    versions: dict[str, list[str]] = {flow: [] for flow in definitions.flows()}
    for record in history.records:
        flow, _, version = record.key.decode(errors="replace").partition("@")
        if version and version not in versions.get(flow, [version]):
            versions[flow].append(version)
    return _Known(definitions, versions)


def _from_topic(text: str, known: _Known, defaults: Options) -> LoadedDefinition:
    flow, _, version = text.partition("@")
    if not version and flow not in known.versions and _VERSION.fullmatch(text):
        flow, version = _flow_of(text, known), text
    if flow not in known.versions:
        names = ", ".join(sorted(known.versions)) or "none"
        raise NotFound(f"no flow {flow!r} is known, and no file of that name; known: {names}")
    if not version:
        definition = known.definitions.newest(flow)
    elif version in known.versions[flow]:
        definition = known.definitions.version(flow, version)
    else:
        versions = ", ".join(known.versions[flow]) or "none"
        raise NotFound(f"flow {flow!r} has no version {version!r}; known: {versions}")
    name = f"{flow}@{definition.version}"
    return LoadedDefinition(name, definition, is_file=False, defaults=defaults)


def _flow_of(version: str, known: _Known) -> str:
    """Return the flow that has a version: two flows do not share a hash of 16 digits."""
    for flow, versions in known.versions.items():
        if version in versions:
            return flow
    raise NotFound(f"no flow has the version {version!r}, and no flow or file is called so")
