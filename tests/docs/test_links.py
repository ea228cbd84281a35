"""Links lead to files and headings that are there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.markdown import PAGES, ROOT, anchors, links
from tests.support.project import FILES, name_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_something(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def test_code_names_headings_of_pages_that_are_there() -> None:
    named = {
        (name_of(path), *match.groups())
        for path in FILES
        if path.suffix in {".py", ".yaml"} or path.parent.name == "dashboards"
        for match in re.finditer(r"(docs/[\w/-]+\.md)#([\w-]+)", path.read_text())
    }
    assert named
    assert {one for one in named if one[2] not in anchors(ROOT / one[1])} == set()
