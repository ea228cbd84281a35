"""Pages that are written from the code are as the code would write them now."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

from tools import metrics_page, settings_page, topics_page
from tools.pages import write_or_check

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.mark.parametrize(
    "tool", [metrics_page, settings_page, topics_page], ids=lambda tool: tool.__name__
)
def test_a_page_of_the_docs_is_up_to_date(tool: ModuleType) -> None:
    assert tool.main(["--check"]) == 0
    assert tool.PAGE.read_text(encoding="utf-8") == tool.render_page()


def test_a_page_that_is_not_is_noticed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "page.md"
    assert write_or_check(page, "new", "python -m tools.page", ["--check"]) == 1
    assert "run python -m tools.page" in capsys.readouterr().err
    assert not page.exists()
    assert write_or_check(page, "new", "python -m tools.page", []) == 0
    assert write_or_check(page, "new", "python -m tools.page", ["--check"]) == 0
    assert write_or_check(page, "newer", "python -m tools.page", ["--check"]) == 1
    assert page.read_text() == "new"


def test_the_page_of_topics_has_every_header() -> None:
    names = vars(importlib.import_module("schemas.headers"))
    headers = {text for name, text in names.items() if name.isupper() and isinstance(text, str)}
    assert set(topics_page.HEADERS) == headers
