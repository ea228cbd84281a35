"""Finds the definition that a command is given: a file, a flow, or a version of one."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from streams.audit.history import read_history
from streams.audit.logs import open_logs
from streams.cli.kafka import worker_settings
from streams.engine.definitions.definition import Definition, Options
from streams.errors import NotThere
from streams.flows.files import load_flow_file
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from streams.engine.definitions.registry import Definitions
    from streams.settings.worker import WorkerSettings

_VERSION = re.compile(r"[0-9a-f]{16}")
_FILE_ENDINGS = {".yaml", ".yml"}


class Source(NamedTuple):
    """A definition, and what it was called by.

    Attributes:
        name: for people: the file, or `flow@version`.
        definition: as the engine judges by it.
        is_file: whether it is a file, which has nothing that was learned from events.
    """

    name: str
    definition: Definition
    is_file: bool

    def without_lessons(self) -> Source:
        """Return what was published of it alone; a flow that nobody published stays as it is."""
        whole = self.definition
        if not whole.published:
            return self
        published = Definition(
            whole.flow,
            published=whole.published.values(),
            options=whole.published_options,
            defaults=_defaults(),
        )
        return self._replace(definition=published)


def load_sources(*given: str) -> list[Source]:
    """Load definitions: each a FILE, a FLOW (the newest), FLOW@VERSION, or a VERSION alone.

    The broker is asked only if one of them is no file.

    Raises:
        InvalidFlowFile: a file cannot be used.
        NotThere: the definitions topic does not hold one of them.
        BrokerUnavailable: the broker cannot be reached, or has no definitions topic.
    """
    settings = worker_settings()
    known = None if all(map(_is_file, given)) else asyncio.run(_read_known(settings))
    return [
        _from_file(text) if known is None or _is_file(text) else _from_topic(text, known)
        for text in given
    ]


def _defaults() -> Options:
    return Options().updated(load_worker_settings().flow_options)


def _is_file(text: str) -> bool:
    path = Path(text)
    return path.suffix in _FILE_ENDINGS or path.name != text or path.is_file()


def _from_file(path: str) -> Source:
    written = load_flow_file(path).definition
    definition = Definition(
        written["flow"],
        published=written["nodes"],
        options=written.get("options"),
        defaults=_defaults(),
    )
    return Source(path, definition, is_file=True)


class _Known(NamedTuple):
    """What the definitions topic holds."""

    definitions: Definitions
    versions: dict[str, list[str]]
    """Flow → its versions, the oldest first."""


async def _read_known(settings: WorkerSettings) -> _Known:
    async with open_logs(settings) as logs:
        history = await read_history(logs)
    definitions, _ = history.definitions(settings.flow_options)
    versions: dict[str, list[str]] = {flow: [] for flow in definitions.flows()}
    for lesson in history.lessons:
        flow, _, version = lesson.key.decode(errors="replace").partition("@")
        if version and version not in versions.get(flow, [version]):
            versions[flow].append(version)
    return _Known(definitions, versions)


def _from_topic(text: str, known: _Known) -> Source:
    flow, _, version = text.partition("@")
    if not version and flow not in known.versions and _VERSION.fullmatch(text):
        flow, version = _flow_of(text, known), text
    if flow not in known.versions:
        names = ", ".join(sorted(known.versions)) or "none"
        raise NotThere(f"no flow {flow!r} is known, and no file of that name; known: {names}")
    if not version:
        definition = known.definitions.newest(flow)
    elif version in known.versions[flow]:
        definition = known.definitions.version(flow, version)
    else:
        versions = ", ".join(known.versions[flow]) or "none"
        raise NotThere(f"flow {flow!r} has no version {version!r}; known: {versions}")
    return Source(f"{flow}@{definition.version}", definition, is_file=False)


def _flow_of(version: str, known: _Known) -> str:
    """Return the flow that has a version: a hash of 16 digits is of one alone."""
    for flow, versions in known.versions.items():
        if version in versions:
            return flow
    raise NotThere(f"no flow has the version {version!r}, and no flow or file is called so")
