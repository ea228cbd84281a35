from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import InvalidDefinition
from streams.errors import InvalidFlowFile
from streams.flows.checks import check_definition, check_files
from streams.flows.files import parse_flow

SHOP = """\
flow: shop
nodes:
  - id: cart
  - id: pay
    dep_ids: [cart]
    validator:
      engine: python
      script: data["amount"] == 5
"""


class Compiler:
    """Refuses scripts that compare."""

    async def check(self, engine: str, source: str, kind: str) -> str | None:
        return f"{kind} in {engine}: no" if "==" in source else None


def shop(**pay: Any) -> dict[str, Any]:
    return {"flow": "shop", "nodes": [{"id": "cart"}, {"id": "pay", **pay}]}


async def problems_of(content: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidDefinition) as refusal:
        await check_definition(content, Compiler())
    return [str(problem) for problem in refusal.value.problems]


async def test_a_script_of_a_file_that_does_not_compile_is_a_problem_on_its_line() -> None:
    with pytest.raises(InvalidFlowFile) as refusal:
        await check_files([parse_flow(SHOP, "f")], Compiler())
    assert [str(problem) for problem in refusal.value.problems] == [
        "f:8: node pay: validator.script: cannot be used: validator in python: no"
    ]


async def test_a_definition_that_can_be_published_is_returned_without_defaults() -> None:
    content = shop(filter={"engine": "cel", "script": "true"})
    assert await check_definition(content, Compiler()) == content


@pytest.mark.parametrize(
    ("pay", "problems"),
    [
        ({"dep_ids": "cart"}, ['nodes[1].dep_ids (node pay): must be a valid list, got "cart"']),
        (
            {"dep_ids": ["pay"]},
            ["nodes[1].dep_ids (node pay): the dependencies form a cycle: pay → pay"],
        ),
        (
            {"filter": {"engine": "js", "script": "a == b"}},
            ["nodes[1].filter.script (node pay): cannot be used: filter in js: no"],
        ),
    ],
)
async def test_values_graph_and_scripts_of_a_definition_are_checked(
    pay: dict[str, Any], problems: list[str]
) -> None:
    assert await problems_of(shop(**pay)) == problems


async def test_scripts_are_compiled_only_where_the_rest_is_right() -> None:
    script = {"engine": "js", "script": "a == b"}
    assert len(await problems_of(shop(dep_ids=["gone"], filter=script))) == 1
