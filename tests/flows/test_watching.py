from __future__ import annotations

from typing import TYPE_CHECKING

from streams.flows.watching import FlowWatch

if TYPE_CHECKING:
    from pathlib import Path


def test_a_watch_tells_each_change_once(tmp_path: Path) -> None:
    one, two, other = tmp_path / "1.yaml", tmp_path / "2.yml", tmp_path / "notes.txt"
    alone = tmp_path / "elsewhere" / "3.yaml"
    alone.parent.mkdir()
    for path in (one, other, alone):
        path.write_text("x")
    watch = FlowWatch([tmp_path, alone])
    assert watch.changed() == [one, alone]
    assert watch.changed() == []
    two.write_text("x")
    one.write_text("xy")
    assert watch.changed() == [one, two]
    one.unlink()
    assert watch.changed() == []
    one.write_text("xy")
    assert watch.changed() == [one]
