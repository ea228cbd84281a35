"""Findings of `duly doctor`, as data."""

from __future__ import annotations

from typing import Literal, NamedTuple

Section = Literal["machine", "settings", "broker", "topics", "worker", "clock", "definitions"]
Level = Literal["ok", "note", "warning", "failure"]
"""A warning is for a person to judge; after a failure, runs are judged wrongly or not at all."""


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        section: the part of the report.
        level: how bad it is.
        message: what was found and, if it is wrong, what to do.
    """

    section: Section
    level: Level
    message: str
