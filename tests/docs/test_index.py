"""The index of the documentation."""

from __future__ import annotations

from tests.support.markdown import ROOT, links

INDEX = ROOT / "docs" / "README.md"


def test_the_index_leads_to_every_page() -> None:
    linked = {(INDEX.parent / link.partition("#")[0]).resolve() for link in links(INDEX)}
    assert set(INDEX.parent.glob("*.md")) - {INDEX} <= linked
