"""Checks of this machine: Python, installed packages, script engines and settings."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from streams.doctor.findings import Finding
from streams.engine.definitions.node import ENGINES
from streams.engine.text import count_of
from streams.errors import EngineUnavailable, SettingsError
from streams.scripts.limits import Limits
from streams.scripts.sandbox import create_sandbox
from streams.settings.effective import effective_settings, misspelt
from streams.settings.worker import load_worker_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.scripts.sandbox import Sandbox

DISTRIBUTION = "duly"
EXTRAS = ("worker", "cli")
SAMPLES = {"python": "True", "cel": "true", "js": "true"}
"""The smallest script of each engine."""

ENGINE_TIMEOUT_S = 2.0
"""Time that an engine gets to work; one that starts slowly is waited for anyway."""


def check_versions() -> Iterator[Finding]:
    """Yield the versions of Python, Duly and the packages that a worker needs."""
    system = f"{platform.system()} {platform.machine()}"
    version = metadata.version(DISTRIBUTION)
    yield Finding("machine", "ok", f"duly {version}, Python {platform.python_version()}, {system}")
    installed: list[str] = []
    for requirement in _requirements():
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Finding("machine", "failure", f"{requirement} is not installed: {_how_to()}")
            continue
        if found in requirement.specifier:
            installed.append(f"{requirement.name} {found}")
        else:
            yield Finding(
                "machine",
                "failure",
                f"{requirement.name} is {found}, not {requirement.specifier}: {_how_to()}",
            )
    yield Finding("machine", "ok", ", ".join(installed))


async def check_engines() -> list[Finding]:
    """Return the script engines that work on this machine."""
    sandbox = create_sandbox(Limits(), engine_timeout_s=ENGINE_TIMEOUT_S)
    await sandbox.start()
    try:
        refusals = {engine: await _refusal(sandbox, engine) for engine in ENGINES}
    finally:
        await sandbox.stop()
    there = [engine for engine, refusal in refusals.items() if refusal is None]
    return [
        Finding("machine", "ok", f"script engines: {', '.join(there) or 'none'}"),
        *(
            Finding("machine", "note", f"script engine {engine}: {refusal}")
            for engine, refusal in refusals.items()
            if refusal is not None
        ),
    ]


async def _refusal(sandbox: Sandbox, engine: str) -> str | None:
    try:
        return await sandbox.check(engine, SAMPLES[engine], "validator")
    except EngineUnavailable as error:
        return str(error)


def check_settings() -> Iterator[Finding]:
    """Yield errors in the settings, and variables that may be misspelt."""
    try:
        settings = effective_settings(load_worker_settings(), os.environ)
    except SettingsError as error:
        for line in str(error).splitlines():
            yield Finding("settings", "failure", line)
        return
    given = sum(setting.origin == "environment" for setting in settings)
    yield Finding(
        "settings", "ok", f"{count_of(given, 'setting')} from the environment, the rest by default"
    )
    for problem in misspelt(os.environ):
        yield Finding("settings", "warning", problem)


def _requirements() -> Iterator[Requirement]:
    """Yield the requirements of the worker and the command line on this machine."""
    seen: set[str] = set()
    for text in metadata.requires(DISTRIBUTION) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        applies = marker is None or any(marker.evaluate({"extra": extra}) for extra in EXTRAS)
        if applies and requirement.name not in seen | {DISTRIBUTION}:
            seen.add(requirement.name)
            requirement.marker = None
            yield requirement


def _how_to() -> str:
    return f"pip install '{DISTRIBUTION}[{','.join(EXTRAS)}]'"
