from __future__ import annotations

from typing import TYPE_CHECKING

from streams.dev_broker.tail import Tail

if TYPE_CHECKING:
    from pathlib import Path


def test_a_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.new_lines() == []
    with path.open("ab", buffering=0) as file:
        file.write("one\ntwö".encode()[:-1])
        assert tail.new_lines() == ["one"]
        file.write("ö\n".encode()[1:])
        assert tail.new_lines() == ["twö"]
        assert tail.new_lines() == []
