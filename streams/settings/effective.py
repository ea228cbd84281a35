"""The settings in effect: values, where each comes from, and variables that may be misspelt."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from schemas.renamed import RENAMED_OPTIONS
from streams.settings.kafka import ENV_PREFIX
from streams.settings.sections import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.settings.kafka import KafkaSettings

Origin = Literal["environment", "default"]

ALIKE = 0.85
"""Similarity from which an unknown variable is taken for a misspelt setting."""


class EffectiveSetting(NamedTuple):
    """One setting of a process started here."""

    section: str
    """The kind of process that needs it: `kafka` for all of them."""
    variable: str
    value: Any
    """As JSON has it; a secret is masked."""
    origin: Origin
    meaning: str


def effective_settings(
    settings: KafkaSettings, environment: Mapping[str, str]
) -> list[EffectiveSetting]:
    """Return the settings by section, in the order of their declaration, secrets masked."""
    given = {name.upper() for name, value in environment.items() if value}
    values = settings.model_dump(mode="json")
    return [
        EffectiveSetting(
            section.name,
            variable := f"{ENV_PREFIX}{name.upper()}",
            values[name],
            "environment" if variable in given else "default",
            field.description or "",
        )
        for section in SECTIONS
        for name, field in section.fields.items()
        if name in values
    ]


def misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each variable that has the old name of a setting, or looks like a misspelt one."""
    known = [name.upper() for section in SECTIONS for name in section.fields]
    for variable in sorted(environment):
        name = variable.upper().removeprefix(ENV_PREFIX)
        if name == variable.upper() or name in known:
            continue
        if renamed := RENAMED_OPTIONS.get(name.lower()):
            yield f"{variable} is now {ENV_PREFIX}{renamed.upper()}; the old name has no effect"
        elif alike := difflib.get_close_matches(name, known, n=1, cutoff=ALIKE):
            yield f"{variable} is not a setting of the worker; did you mean {ENV_PREFIX}{alike[0]}?"
