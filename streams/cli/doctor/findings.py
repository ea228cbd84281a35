"""What the doctor finds, as data."""

from __future__ import annotations

from typing import Literal, NamedTuple

Section = Literal["machine", "settings", "broker", "topics", "worker", "clock", "definitions"]
Level = Literal["ok", "note", "warning", "failure"]
"""A warning is for a person to judge; with a failure, runs are judged wrongly or not at all."""


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        section: what it belongs to.
        level: how bad it is.
        message: what is so, and where it is wrong what to do, for people.
    """

    section: Section
    level: Level
    message: str
