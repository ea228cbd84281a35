"""R17 versions, R18 bad definitions, R19 unknown nodes: by what a run is judged."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.errors import InvalidDefinition
from schemas.ids import definition_version
from schemas.units import NS_PER_MS
from streams.engine.definitions.checks import check_definition
from streams.engine.definitions.definition import published_version
from streams.engine.definitions.registry import Definitions
from tests.engine.driver import (
    START_NS,
    Log,
    cause,
    causes,
    decided,
    event,
    flow,
    python,
    statuses,
    summary,
    timeout,
)

ONE = flow("a")
TWO = flow("a", "b")


def publish(log: Log, definition: dict[str, Any], at: int) -> None:
    """Let a published definition stand in the definitions topic from `at` ms on."""
    version = published_version(definition)
    record = {"v": 1, "kind": "published", "version": version, **definition}
    log.definitions.add(f"f@{version}".encode(), orjson.dumps(record), START_NS + at * NS_PER_MS)


# -- R17 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opened", "version"), [(11_999, TWO), (12_000, ONE)])
def test_R17_a_run_is_judged_by_what_is_at_least_2_s_older(opened: int, version: dict[str, Any]):
    """So that workers that read the definitions at different speed come to the same answer."""
    log = Log()
    publish(log, TWO, at=-60_000)
    publish(log, ONE, at=10_000)
    log.come(event("a", opened))
    log.run_on()
    assert log.last["definition_version"] == published_version(version)
    assert log.last["status"] == ("passed" if version is ONE else "incomplete")


def test_R17_a_run_keeps_its_version_for_as_long_as_it_lives():
    """What is published meanwhile judges later runs, also after a restart."""
    log = Log()
    publish(log, TWO, at=-60_000)
    log.come(event("a", 0))
    publish(log, ONE, at=10)
    log.come(event("a", 5_000, id="again"))
    log.restart()
    log.come(event("a", 6_000, id="once more"))
    assert log.verdicts == []
    log.come(event("b", 7_000))
    assert log.last["definition_version"] == published_version(TWO)


def test_R17_records_may_be_read_in_any_chunks():
    """A definition that is read late judges the same as one that was read early, by its timestamp."""
    log = Log()
    publish(log, ONE, at=10_000)
    publish(log, TWO, at=-60_000)
    assert log.definitions.at("f", START_NS).version == published_version(TWO)
    assert log.definitions.newest("f").version == published_version(ONE)


def test_R17_a_flow_that_nobody_described_has_an_empty_definition():
    """Its runs are judged by what their own events teach."""
    log = Log()
    assert log.definitions.at("f", START_NS).nodes == {}


def test_R17_the_version_is_a_hash_of_the_content():
    """Stated or defaulted is the same content; a changed one is another version."""
    plain = {"flow": "f", "nodes": [{"id": "a"}]}
    stated: dict[str, Any] = {
        "flow": "f",
        "options": {"window_ms": 900_000, "closed": False},
        "nodes": [{"id": "a", "required": True, "dep_ids": []}],
    }
    other = {"flow": "f", "options": {"window_ms": 1}, "nodes": [{"id": "a"}]}
    assert published_version(plain) == published_version(stated)
    assert published_version(plain) != published_version(other)
    newest = Definitions().newest("f")
    assert newest.version == definition_version(newest.content())


def test_R17_worker_defaults_judge_but_do_not_enter_the_version():
    """A worker's defaults fill what a definition leaves open; the version names its content."""
    strict = Definitions({"grace_ms": 7})
    strict.publish(ONE)
    plain = Definitions()
    plain.publish(ONE)
    assert strict.newest("f").options.grace_ms == 7
    assert strict.newest("f").version == plain.newest("f").version


def test_R17_a_run_can_be_opened_once_the_reader_has_confirmed():
    """A worker whose reader has not read as far as 2 s before the opening waits."""
    definitions = Definitions()
    assert not definitions.can_open(START_NS)
    definitions.confirmed_until(START_NS - 2_000 * NS_PER_MS - 1)
    assert not definitions.can_open(START_NS)
    definitions.confirmed_until(START_NS - 2_000 * NS_PER_MS)
    assert definitions.can_open(START_NS)
    definitions.confirmed_until(0)
    assert definitions.can_open(START_NS)


def test_R17_publishing_for_a_replay_is_in_force_from_its_instant_on():
    """`publish` names the instant from which on runs are judged by it."""
    definitions = Definitions()
    version = definitions.publish(ONE, START_NS)
    assert definitions.at("f", START_NS - 1).nodes == {}
    assert definitions.at("f", START_NS).version == version


def test_R17_a_merged_version_is_kept_for_the_runs_that_are_pinned_to_it():
    """A reader that finds only the snapshot judges a stored run as before."""
    log = Log(flow("a", "b"))
    log.come(event("extra", 0))
    log.come(event("a", 10_000, run="r2"))
    state = log.stored()
    snapshots = [
        (key, value)
        for judged in log.judged
        for key, value in judged.learned
        if orjson.loads(value)["kind"] == "snapshot"
    ]
    assert [key.decode() for key, _ in snapshots] == [
        f"f@{log.definitions.at('f', START_NS + 10_000 * NS_PER_MS).version}"
    ]
    log.definitions = Definitions()
    for key, value in snapshots:
        log.definitions.add(key, value, START_NS + 90_000 * NS_PER_MS)
    log.restart({key: value for key, value in state.items() if key.endswith(b"r2")})
    log.come(event("b", 11_000, run="r2"))
    assert summary(log.verdicts) == ["1 passed"]


def test_R17_a_version_that_was_never_seen_is_told():
    """A stored run whose definition is gone is no run to guess about."""
    log = Log(TWO)
    log.come(event("a", 0))
    other = Log()
    with pytest.raises(InvalidDefinition, match="which a stored run was judged by"):
        other.definitions.version("f", log.definitions.newest("f").version)


# -- R18: where it is published ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "place", "node", "message"),
    [
        (
            flow({"id": "a", "dep_ids": ["c"]}, "b", "c"),
            "nodes[0].dep_ids",
            "a",
            "the dependencies form a cycle: a → b → c → a",
        ),
        (
            flow({"id": "a", "dep_ids": ["a"]}),
            "nodes[0].dep_ids",
            "a",
            "the dependencies form a cycle: a → a",
        ),
        (
            flow("a", {"id": "b", "dep_ids": ["a", "x"]}),
            "nodes[1].dep_ids[1]",
            "b",
            "depends on 'x', which the flow does not define",
        ),
        (
            flow({"id": "a", "filter": {"engine": "lua", "script": "1"}}),
            "nodes[0].filter.engine",
            "a",
            "unknown engine 'lua' in filter (known: python, cel, js)",
        ),
        (
            flow({"id": "a", "validator": {"engine": "", "script": "1"}}),
            "nodes[0].validator.engine",
            "a",
            "unknown engine '' in validator (known: python, cel, js)",
        ),
        (
            flow({"id": "a", "branch": "pay"}, {"id": "b"}),
            "nodes[0].branch",
            "a",
            "branch 'pay' has one node only: an alternative needs another to stand beside it",
        ),
        (
            flow({"id": "a", "branch": "pay", "exclusive": True}, {"id": "b", "branch": "pay"}),
            "nodes[0].exclusive",
            "a",
            "the nodes of branch 'pay' disagree on `exclusive`: a, b",
        ),
        (
            flow({"id": "a", "conditions": [*timeout(5), *timeout(3)]}),
            "nodes[0].conditions",
            "a",
            "several timeouts of different size: 3 ms, 5 ms",
        ),
        (
            flow({"id": "a"}, {"id": "a"}),
            "nodes[1].id",
            "a",
            "node 'a' is defined twice",
        ),
        (
            flow("a", windowms=5),
            "options.windowms",
            None,
            "unknown option 'windowms'",
        ),
    ],
    ids=[
        "cycle",
        "cycle of one",
        "unknown dependency",
        "unknown engine of a filter",
        "unknown engine of a validator",
        "branch of one",
        "disagreeing exclusive",
        "several timeouts",
        "twice",
        "unknown option",
    ],
)
def test_R18_a_bad_definition_is_refused_with_place_and_reason(
    definition: dict[str, Any], place: str, node: str | None, message: str
):
    """Whoever publishes learns what is wrong and where, and nothing is in force."""
    assert check_definition(definition) == [(place, node, message)]
    definitions = Definitions()
    with pytest.raises(InvalidDefinition):
        definitions.publish(definition)
    assert definitions.newest("f").nodes == {}


def test_R18_an_unknown_dependency_is_refused_in_an_open_flow_too():
    """A published flow stands for itself: `closed` makes no difference."""
    for closed in (False, True):
        assert check_definition(flow({"id": "a", "dep_ids": ["x"]}, closed=closed)) != []


def test_R18_all_problems_are_told_at_once():
    """Nobody repairs one mistake per attempt."""
    definition = flow(
        {"id": "a", "dep_ids": ["x"], "branch": "l"}, {"id": "b", "validator": {"engine": "lua", "script": ""}}
    )  # fmt: skip
    assert len(check_definition(definition)) == 3


@pytest.mark.parametrize("sizes", [[5, 5], [0, 5], [0], []])
def test_R18_timeouts_that_agree_are_fine(sizes: list[int]):
    """Zero is none, and the same twice is once."""
    conditions = [{"timeout_ms": size} for size in sizes]
    assert check_definition(flow({"id": "a", "conditions": conditions})) == []


# -- R18: in an event ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"dep_ids": ["a"]}, "its dependencies form a cycle: a → a"),
        (
            {"validator": {"engine": "lua", "script": "1"}},
            "its validator asks for the unknown engine 'lua' (known: python, cel, js)",
        ),
        ({"filter": python("1 +")}, "its filter does not compile: python, line 1"),
        ({"validator": python("1 +")}, "its validator does not compile: python, line 1"),
        ({"conditions": [*timeout(5), *timeout(3)]}, "it states several timeouts: 3 ms, 5 ms"),
    ],
    ids=["cycle", "engine", "filter", "validator", "timeouts"],
)
def test_R18_an_event_with_a_bad_definition_fails_its_run(fields: dict[str, Any], reason: str):
    """The cause is `definition`, at once, with the reason; the rest of the run is judged as ever."""
    log = Log()
    log.come(event("a", 0, **fields))
    assert summary(log.verdicts) == ["1 failed a definition"]
    assert reason in cause(log.last, "a")["message"]


def test_R18_a_cycle_of_several_nodes_is_a_cause_on_each():
    """No order of arrival decides which of them is to blame."""
    one, two = event("a", 0, dep_ids=["b"]), event("b", 1, dep_ids=["a"])
    for order in ((one, two), (two, one)):
        log = Log()
        log.come(*order, at=1)
        log.run_on()
        assert causes(log.last) == ["a definition", "b definition"]


def test_R18_nodes_that_disagree_on_exclusive_are_a_cause_on_each():
    """The branch that they share is no branch."""
    log = Log()
    log.come(event("x", 0, branch="l", exclusive=True), event("y", 1, branch="l"))
    assert causes(log.last) == ["x definition", "y definition"]


def test_R18_an_unknown_dependency_is_a_cause_when_grace_is_over():
    """Until then an event of this very run may teach the node."""
    log = Log()
    log.come(event("b", 0, dep_ids=["a"]), at=0)
    assert log.clock(999) == []
    assert summary(log.clock(1_000)) == ["1 failed b definition"]
    assert (
        "it depends on a, which no definition and no event of this run knows"
        in (cause(log.last, "b")["message"])
    )
    log.come(event("b", 0, run="r2", dep_ids=["a"]), event("a", 0, run="r2"), at=1_500)
    log.run_on()
    assert (log.last["run_id"], log.last["status"]) == ("r2", "passed")


def test_R18_a_wrong_lesson_is_not_passed_on():
    """What fails this run must not fail the next ones."""
    log = Log()
    log.come(event("a", 0, conditions=[*timeout(5), *timeout(3)]))
    assert log.definitions.newest("f").nodes == {}


def test_R18_an_event_cannot_break_what_was_published():
    """A lesson that makes a cycle through published nodes is a cause on its own node."""
    log = Log(flow({"id": "a"}, {"id": "b", "dep_ids": ["a"]}))
    log.come(event("a", 0, dep_ids=["b"]), event("b", 1))
    log.run_on()
    assert causes(log.last) == ["a definition"]
    assert log.end().nodes["b"] == "passed"


def test_R18_a_corrected_lesson_heals():
    """The latest statement of the run counts: a cause that is no longer true is gone."""
    log = Log()
    log.come(event("a", 0, dep_ids=["a"]), event("a", 1, dep_ids=[]))
    log.run_on()
    assert summary(log.verdicts) == ["1 failed a definition", "2 passed"]


# -- R19 ----------------------------------------------------------------------------------------

CLOSED = flow("a", "b", closed=True)


def test_R19_an_unknown_node_in_a_closed_flow_is_a_cause_at_once():
    """The message helps who mistyped the name."""
    log = Log(CLOSED)
    log.come(event("a", 0), event("bee", 1))
    assert summary(log.verdicts) == ["1 failed bee unknown_node"]
    found = cause(log.last, "bee")
    assert found["message"] == "bee: flow f is closed and has no such node; its nodes are a, b"
    assert found["event_ids"] == ["bee@1"]
    assert log.judged[-1].counts["unknown_node"] == 1


def test_R19_it_opens_a_run():
    """Even if nothing else ever comes, somebody is told."""
    log = Log(CLOSED)
    log.come(event("bee", 0))
    assert summary(log.verdicts) == ["1 failed bee unknown_node"]
    assert decided(log.last) == 0


def test_R19_it_counts_for_nothing_else():
    """It teaches nothing, satisfies nobody and starts no time."""
    log = Log(flow("a", {"id": "b", "conditions": timeout(1_000)}, closed=True))
    log.come(event("bee", 0, dep_ids=["a"], type="trigger"), event("a", 5_000), event("b", 5_900))
    log.run_on()
    assert causes(log.last) == ["bee unknown_node"]
    assert log.end().nodes == {"a": "passed", "b": "passed"}
    assert log.definitions.newest("f").nodes.keys() == {"a", "b"}


def test_R19_each_unknown_node_is_a_cause():
    """Two mistakes are two causes; the same mistake twice is one."""
    log = Log(CLOSED)
    log.come(event("bee", 0), event("bee", 1), event("cee", 2))
    assert summary(log.verdicts) == [
        "1 failed bee unknown_node",
        "2 failed bee unknown_node cee unknown_node",
    ]


def test_R19_an_open_flow_takes_any_node():
    """Without `closed` an unknown node is a lesson."""
    log = Log(TWO)
    log.come(event("a", 0), event("bee", 1), event("b", 2))
    log.run_on()
    assert summary(log.verdicts) == ["1 passed"]
    assert statuses(log.last)["bee"] == "passed"


def test_R19_a_long_list_of_nodes_is_cut():
    """A message is for people: ten names, and how many more."""
    log = Log(flow(*({"id": f"n{n}"} for n in range(25)), closed=True))
    log.come(event("bee", 0))
    assert cause(log.last, "bee")["message"].endswith("n7, n8, n9 and 15 more")
