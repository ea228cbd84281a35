"""Which comparisons are found in an expression without a grammar."""

from __future__ import annotations

import pytest

from streams.scripts.sandbox_process.comparisons import find_comparisons, without_text


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a == b", [("a", "==", "b", 1, 1)]),
        ("a.b[c == d] !== f(x, y)", [("a.b[c == d]", "!==", "f(x, y)", 1, 1)]),
        ("a<b && c>=d", [("a", "<", "b", 1, 1), ("c", ">=", "d", 1, 8)]),
        ("a == 1 &&\n  b in c", [("a", "==", "1", 1, 1), ("b", "in", "c", 2, 3)]),
        ("'a == b' != \"c && d\"", [("'a == b'", "!=", '"c && d"', 1, 1)]),
        ("x == y // && z", [("x", "==", "y // && z", 1, 1)]),
        ("l.all(i, i > 0) && n == 1", [("n", "==", "1", 1, 20)]),
        ("flag && inside == 1", [("inside", "==", "1", 1, 9)]),
        ("a < b < c", []),
        ("a == b || c == d", []),
        ("a ? b == c : d", []),
        ("(a == b)", []),
        ("a >> 1 == 2", []),
        ("/=/.test(a) == true", []),
        ("`a` == b", []),
        ("x = a == b", []),
        ("(x) => x == 1", []),
        ("a == b, c == d", []),
        ("", []),
        ("'unclosed == b", [("'unclosed", "==", "b", 1, 1)]),
    ],
)
def test_only_what_is_certain_is_found(
    source: str, found: list[tuple[str, str, str, int, int]]
) -> None:
    assert [
        (one.left, one.operator, one.right, one.line, one.column)
        for one in find_comparisons(source)
    ] == found


def test_texts_and_comments_are_blanked_in_place() -> None:
    source = "a 'b\\'c' /* d\n */ \"e\" // f"
    assert without_text(source) == f"a{' ' * 12}\n{' ' * 12}"
    assert len(without_text(source)) == len(source)
