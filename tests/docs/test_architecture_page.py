"""docs/architecture.md has every package, docs/glossary.md only terms of the code."""

from __future__ import annotations

import re

from tests.support.markdown import ROOT, section

PAGE = ROOT / "docs" / "architecture.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
CODE = [*ROOT.glob("streams/**/*.py"), *ROOT.glob("producer_sdk/**/*.py")]


def packages() -> set[str]:
    """Return the parts of `streams` that a reader looks for: packages, those of the agents one by one, and modules."""
    found = {f"streams/{path.parent.name}" for path in ROOT.glob("streams/*/__init__.py")}
    agents = {
        f"streams/agents/{path.parent.name}" for path in ROOT.glob("streams/agents/*/__init__.py")
    }
    modules = {path.stem for path in ROOT.glob("streams/*.py")} - {"__init__"}
    return (found | agents | modules) - {"streams/agents"}


def test_every_package_is_in_the_table() -> None:
    cells = re.findall(r"^\| (`.+?`) \|", section(PAGE, "## Packages"), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    bare = {re.sub(r"^streams/(\w+)\.py$", r"\1", name).removesuffix(".py") for name in named}
    assert packages() - {f"streams/{name}" for name in bare} - bare == set()


def test_every_term_of_the_glossary_is_one_of_the_code() -> None:
    text = re.sub(r"[\s_#]+", " ", "\n".join(path.read_text() for path in CODE).lower())
    terms = re.findall(r"^\| ([^|`]+?) \|", GLOSSARY.read_text(), re.MULTILINE)
    words = {word for term in terms for word in term.split(", ")} - {"term", "---"}
    assert {word for word in words if word.lower() not in text} == set()
