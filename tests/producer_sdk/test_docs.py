"""docs/sdk.md and docs/sdk-privacy.md say all there is."""

from __future__ import annotations

import dataclasses
import re

import producer_sdk
from producer_sdk import DETECTORS, NodeFields, Redaction, Stats
from producer_sdk._capture._outside_names import SANDBOX_MODULES
from producer_sdk._config import Config
from producer_sdk.testing import recorded
from tests.support.shared_kafka import ROOT

PAGE = (ROOT / "docs" / "sdk.md").read_text()
PRIVACY = (ROOT / "docs" / "sdk-privacy.md").read_text()


def rows(heading: str, page: str = PAGE) -> list[list[str]]:
    """Return the rows of the table under a heading, or whose heading row begins so."""
    table = page[page.index(heading) :].split("\n\n|", 1)[-1].split("\n\n", 1)[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_every_setting_stands_in_the_table_as_it_is() -> None:
    expected = [
        [
            f"`{field.name}`",
            f"`{field.metadata['env']}`",
            _shown(field.default),
            field.metadata["description"],
        ]
        for field in dataclasses.fields(Config)
    ]
    assert rows("## Settings") == expected


def _shown(default: object) -> str:
    if default == ():
        return "none"
    return "empty" if default == "" else f"`{default}`"


def test_every_count_stands_in_the_table() -> None:
    names = [f"`{field.name}`" for field in dataclasses.fields(Stats)]
    assert [row[0] for row in rows("### Counts")] == names


def test_every_field_of_a_call_stands_in_the_table() -> None:
    named = {row[0].strip("`") for row in rows("### Arguments of a call")}
    assert named == set(NodeFields.__annotations__)


def test_every_function_stands_in_the_table() -> None:
    named = {re.split(r"[(`]", row[0])[1] for row in rows("## Functions")}
    assert named == {name for name in producer_sdk.__all__ if name.islower()}


def test_every_module_of_the_sandbox_is_named() -> None:
    sentence = PAGE[PAGE.index("**imports** of") :].split(";")[0].split("\n\n")[0]
    assert re.findall(r"`(\w+)`", sentence) == list(SANDBOX_MODULES)


def test_every_detector_stands_in_its_table_with_an_example_that_it_finds() -> None:
    examples = {
        row[0].strip("`"): row[1].split("`")[1] for row in rows("## Detectors", page=PRIVACY)
    }
    assert tuple(examples) == DETECTORS
    for name, example in examples.items():
        redaction = Redaction(detectors=[name])  # pyright: ignore[reportArgumentType]
        with recorded(redact=redaction) as events:
            producer_sdk.act("a", "f", "r", {"x": f"see {example} there"})
        assert f"[REDACTED_{name.upper()}]" in events[0]["data"]["x"], name


def test_every_field_of_a_redaction_stands_in_its_table() -> None:
    named = [row[0].strip("`") for row in rows("## Settings of a redaction", page=PRIVACY)]
    assert named == [field.name for field in dataclasses.fields(Redaction)]
