"""The definitions on the broker: contradictions between YAML and what events taught."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.doctor.findings import Finding
from streams.engine.text import count_of
from streams.flows.contradictions import contradictions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.engine.definitions.definition import Definition


def check_definitions(definitions: Iterable[Definition]) -> list[Finding]:
    """Return the contradictions of flows, each as a run that opens now is judged."""
    known = list(definitions)
    found = [one for definition in known for one in contradictions(definition)]
    told = count_of(len(known), "flow")
    if not any(one.level == "warning" for one in found):
        told += ": YAML and what events taught do not contradict each other"
    return [
        Finding("definitions", "ok", told),
        *(Finding("definitions", one.level, f"{one.place}: {one.message}") for one in found),
    ]
