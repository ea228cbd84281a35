from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import InvalidFlowFile
from streams.flows.files import dump_flow, load_flow_file, load_flow_files, parse_flow

if TYPE_CHECKING:
    from pathlib import Path

SHOP = """\
flow: shop
window_ms: 60000
nodes:
  - id: cart
  - id: pay
    dep_ids: [cart]
    conditions: [{timeout_ms: 5000}]
    validator:
      engine: python
      script: data["amount"] == 5
"""


def refused(text: str) -> list[str]:
    with pytest.raises(InvalidFlowFile) as refusal:
        parse_flow(dedent(text), "f.yaml")
    return [str(problem) for problem in refusal.value.problems]


def test_a_flow_file_gives_the_definition_without_defaults() -> None:
    assert parse_flow(SHOP, "shop.yaml").definition == {
        "flow": "shop",
        "options": {"window_ms": 60000},
        "nodes": [
            {"id": "cart"},
            {
                "id": "pay",
                "dep_ids": ["cart"],
                "conditions": [{"timeout_ms": 5000}],
                "validator": {"engine": "python", "script": 'data["amount"] == 5'},
            },
        ],
    }


def test_options_stand_beside_flow_or_under_options() -> None:
    beside = parse_flow("flow: f\ngrace_ms: 5\nnodes: [{id: a}]", "f.yaml")
    under = parse_flow("flow: f\noptions: {grace_ms: 5}\nnodes: [{id: a}]", "f.yaml")
    both = parse_flow("flow: f\nclosed: true\noptions: {grace_ms: 5}\nnodes: [{id: a}]", "f.yaml")
    assert beside.definition == under.definition
    assert both.definition["options"] == {"closed": True, "grace_ms": 5}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f.yaml:1: the file is empty; a flow file starts with `flow: NAME`"),
        ("- a", "f.yaml:1: a flow file is a mapping that starts with `flow: NAME`"),
        ("nodes: [{id: a}]", "f.yaml:1: flow: is missing"),
        ("flow: f\nnodes: [", "f.yaml:2: not valid YAML"),
        ("flow: f\n---\nflow: g", "f.yaml:2: not valid YAML: but found another document"),
        ("flow: f\nflow: g", "f.yaml:2: flow: is given twice, first on line 1"),
        ("flow: f\nsize: 5", "f.yaml:2: size: unknown key; known here: flow, "),
        (
            "flow: f\nretention_ms: 5",
            "f.yaml:2: retention_ms: unknown key; `retention_ms` is now `forget_after_ms`",
        ),
        (
            "flow: f\noptions: {forget_ms: 5}\nnodes: [{id: a}]",
            'f.yaml:2: forget_ms: unknown key; did you mean "forget_after_ms"?',
        ),
        (
            "flow: f\noptions: {retention_ms: 5}\nnodes: [{id: a}]",
            "f.yaml:2: retention_ms: unknown key; `retention_ms` is now `forget_after_ms`",
        ),
        ("flow: f\nwindow: 5", 'f.yaml:2: window: unknown key; did you mean "window_ms"?'),
        (
            "flow: f\nnodes:\n  - id: a\n    dep_id: [a]",
            'f.yaml:4: node a: dep_id: unknown key; did you mean "dep_ids"?',
        ),
        (
            "flow: f\nnodes:\n  - id: a\n    validator: {engine: python, scrypt: 'x'}",
            'f.yaml:4: node a: validator.scrypt: unknown key; did you mean "script"?',
        ),
        (
            "flow: f\nwindow_ms: 1\noptions:\n  window_ms: 2\nnodes: [{id: a}]",
            "f.yaml:4: window_ms: is given twice, also on line 2",
        ),
        ("flow: f\noptions: {grace_ms: 0}\nnodes: [{id: a}]", "f.yaml:2: grace_ms: must be"),
        ("flow: f\ngrace_ms: 0\nnodes: [{id: a}]", "f.yaml:2: grace_ms: must be"),
        ("flow: f\nnodes:\n  - id: 7", "f.yaml:3: id: must be a valid string, got 7"),
        (
            "flow: f\nnodes:\n  - id: a\n  - id: a",
            "f.yaml:4: node a: id: node 'a' is defined twice",
        ),
        (
            "flow: f\nnodes:\n  - id: a\n    dep_ids:\n      - b",
            "f.yaml:5: node a: dep_ids[0]: depends on 'b', which the flow does not define",
        ),
        (
            "flow: f\nnodes:\n  - {id: a, dep_ids: [b]}\n  - {id: b, dep_ids: [a]}",
            "f.yaml:3: node a: dep_ids: the dependencies form a cycle: a → b → a",
        ),
        (
            "flow: f\nnodes:\n  - id: a\n    filter: {engine: perl, script: '1'}",
            "f.yaml:4: node a: filter.engine: unknown engine 'perl'",
        ),
        (
            "flow: f\nnodes:\n  - id: a\n    branch: left",
            "f.yaml:4: node a: branch: branch 'left' has one node only",
        ),
        (
            "flow: f\nnodes:\n  - id: a\n    conditions: [{timeout_ms: 1}, {timeout_ms: 2}]",
            "f.yaml:4: node a: conditions: several timeouts of different size: 1 ms, 2 ms",
        ),
        ("flow: f\n1: x", "f.yaml:2: the key '1' is no text: quote it"),
        ("flow: f\n? [a]\n: x", "f.yaml:2: the key that stands here is no text: quote it"),
        ("flow: f\n<<: {a: 1}", "f.yaml:2: merge keys (<<) are not taken: write the fields out"),
        ("flow: !!python/name:os.system x", "f.yaml:1: flow: the tag"),
        ("flow: f\nx: !!set {a}", "f.yaml:2: x: the tag tag:yaml.org,2002:set"),
        ("flow: f\nx: .nan", "f.yaml:2: x: JSON has no number .nan"),
        ("flow: f\nx: -.inf", "f.yaml:2: x: JSON has no number -.inf"),
        (f"flow: f\nx: {2**64}", "f.yaml:2: x: JSON has no number"),
        ("flow: &f [*f]", "f.yaml:1: more than 100000 values, or nested deeper than 40"),
        ("flow: " + "[" * 5000, "f.yaml:1: more than 100000 values, or nested deeper than 40"),
        ("flow: f\0", "f.yaml:1: not valid YAML: unacceptable character"),
    ],
)
def test_a_refusal_says_file_line_node_and_reason(text: str, problem: str) -> None:
    assert problem in "\n".join(refused(text))


def test_a_file_that_doubles_itself_is_refused_before_it_fills_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 20)]
    assert refused("\n".join(lines)) == [
        "f.yaml:1: more than 100000 values, or nested deeper than 40"
    ]


def test_all_problems_of_a_file_are_said_at_once() -> None:
    problems = refused("""\
        flow: f
        window_ms: soon
        nodes:
          - id: a
            requird: false
          - id: b
            dep_ids: a
        """)
    assert [problem.split(": ")[0] for problem in problems] == ["f.yaml:2", "f.yaml:5", "f.yaml:7"]


def test_aliases_and_dates_are_what_they_look_like() -> None:
    file = parse_flow(
        dedent("""\
            flow: f
            nodes:
              - id: a
                conditions: &soon [{timeout_ms: 1_000}]
                additional_meta: {since: 2024-01-31}
              - id: b
                dep_ids: [a]
                conditions: *soon
            """),
        "f.yaml",
    )
    first, second = file.definition["nodes"]
    assert first["additional_meta"] == {"since": "2024-01-31"}
    assert first["conditions"] == second["conditions"] == [{"timeout_ms": 1000}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"flow: \xff", "is not UTF-8 text"),
        (b"#" * (1024 * 1024 + 1), "more than 1048576 bytes"),
    ],
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "flow.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidFlowFile) as refusal:
        load_flow_file(path)
    assert str(refusal.value) == f"{path}:1: {reason}"


def test_files_of_one_flow_exclude_each_other_and_all_problems_are_said(tmp_path: Path) -> None:
    for name, text in {"a": SHOP, "b": SHOP, "c": "flow: f"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(InvalidFlowFile) as refusal:
        load_flow_files([tmp_path / f"{name}.yaml" for name in "abc"])
    assert [str(problem) for problem in refusal.value.problems] == [
        f"{tmp_path}/b.yaml:1: flow: 'shop' is also defined by {tmp_path}/a.yaml",
        f"{tmp_path}/c.yaml:1: nodes: is missing",
    ]


names = st.from_regex(r"[A-Za-z0-9._-]{1,12}", fullmatch=True)
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t"),
    max_size=40,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
nodes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["act", "assert", "trigger", "generic", "hook"]),
        "conditions": st.lists(st.just({"timeout_ms": 5}), max_size=2),
        "required": st.booleans(),
        "description": texts,
        "filter": st.fixed_dictionaries({"engine": st.just("python"), "script": texts}),
        "additional_meta": st.dictionaries(texts, json_values, max_size=3),
    },
)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    flow_nodes: list[dict[str, Any]] = []
    for index, node_id in enumerate(ids):
        deps = draw(st.lists(st.sampled_from(ids[:index]), max_size=2)) if index else []
        flow_nodes.append({"id": node_id, "dep_ids": deps, **draw(nodes)})
    return {"flow": draw(names), "options": {"grace_ms": 7}, "nodes": flow_nodes}


@given(definitions())
def test_a_dumped_definition_reads_back_as_the_same(definition: dict[str, Any]) -> None:
    assert parse_flow(dump_flow(definition), "dumped").definition == definition


def test_a_dumped_script_of_several_lines_stays_readable() -> None:
    script = 'def check(data, ctx):\n    return data["amount"] > 0\n'
    node = {"id": "pay", "validator": {"engine": "python", "script": script}}
    text = dump_flow({"flow": "shop", "nodes": [node]})
    assert json.dumps(script) not in text
    assert '        return data["amount"] > 0\n' in text
