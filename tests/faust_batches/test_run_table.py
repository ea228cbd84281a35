"""The runs table through recovery and rebalances: the higher source offset wins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import OFFSET
from streams.errors import UnreadableState
from streams.faust_batches.run_table import RunStore, RunTable
from tests.support.kafka_records import record

CHANGELOG = "app-runs-changelog"
KEY = b"shop\0run-1"


def state(offset: int) -> bytes:
    """Return what `encode_run` would begin with; recovery reads no further."""
    return b"[2,%d,0,0,0,0,0]" % offset


def written(key: bytes, offset: int, value: bytes | None) -> Any:
    tombstone = [(OFFSET, b"%d" % offset)] if value is None else None
    return record(value, key=key, headers=tombstone, topic=CHANGELOG)


def batch(*records: Any, partition: int = 0, offset: int = 0) -> Any:
    tp = TP(CHANGELOG, partition)
    message = SimpleNamespace(
        topic=CHANGELOG, partition=partition, offset=offset, tp=tp, value=list(records)
    )
    return SimpleNamespace(message=message)


def new_store() -> RunStore:
    app = faust.App("app", store="memory://", autodiscover=False)
    store = cast("Any", RunTable(app, name="runs", partitions=4)).data
    assert isinstance(store, RunStore)
    return store


@pytest.fixture
def store() -> RunStore:
    return new_store()


def recover(store: RunStore, *batches: Any) -> None:
    store.apply_changelog_batch(batches, bytes, bytes)


def test_recovery_keeps_the_last_state_of_each_run_as_bytes(store: RunStore) -> None:
    other = b"shop\0run-2"
    recover(store, batch(written(KEY, 1, state(1)), written(other, 2, state(2))))
    recover(store, batch(written(KEY, 5, state(5))))
    assert store.runs(0) == {KEY: state(5), other: state(2)}


def test_a_state_with_a_lower_source_offset_loses_wherever_it_stands(store: RunStore) -> None:
    recover(store, batch(written(KEY, 9, state(9)), written(KEY, 4, state(4))))
    assert store.runs(0) == {KEY: state(9)}


def test_a_tombstone_removes_what_is_older(store: RunStore) -> None:
    recover(store, batch(written(KEY, 4, state(4)), written(KEY, 5, None)))
    assert store.runs(0) == {}


def test_a_tombstone_with_a_lower_source_offset_removes_nothing(store: RunStore) -> None:
    recover(store, batch(written(KEY, 9, state(9)), written(KEY, 5, None)))
    assert store.runs(0) == {KEY: state(9)}


def test_a_late_state_does_not_raise_a_forgotten_run(store: RunStore) -> None:
    recover(store, batch(written(KEY, 5, None)), batch(written(KEY, 4, state(4))))
    assert store.runs(0) == {}


def test_a_run_opens_again_after_its_tombstone(store: RunStore) -> None:
    recover(store, batch(written(KEY, 5, None), written(KEY, 8, state(8))))
    assert store.runs(0) == {KEY: state(8)}


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.booleans()), unique_by=lambda write: write[0], min_size=1
    )
)
def test_any_order_of_writes_ends_with_the_one_of_the_highest_offset(
    writes: list[tuple[int, bool]],
) -> None:
    store = new_store()
    for offset, tombstone in writes:
        recover(store, batch(written(KEY, offset, None if tombstone else state(offset))))
    highest, tombstone = max(writes)
    assert store.runs(0) == ({} if tombstone else {KEY: state(highest)})


@pytest.mark.parametrize("value", [b"no state at all", b""])
def test_what_is_no_state_is_kept_as_a_failure_because_faust_would_swallow_it(
    store: RunStore, value: bytes
) -> None:
    recover(store, batch(written(KEY, 1, value), partition=2, offset=41))
    assert isinstance(store.failure, UnreadableState)
    assert f"{CHANGELOG}-2, offsets up to 41" in str(store.failure)


def test_a_tombstone_without_its_source_offset_is_a_failure(store: RunStore) -> None:
    recover(store, batch(record(None, key=KEY, offset=3, topic=CHANGELOG)))
    assert OFFSET in str(store.failure)


def test_faust_reads_on_from_the_offset_that_memory_includes(store: RunStore) -> None:
    tp = TP(CHANGELOG, 0)
    assert store.persisted_offset(tp) is None
    recover(store, batch(written(KEY, 1, state(1)), offset=11))
    assert store.persisted_offset(tp) == 11
    store.set_persisted_offset(tp, 9)
    assert store.persisted_offset(tp) == 11


async def rebalance(store: RunStore, *partitions: int) -> None:
    assigned = {TP(CHANGELOG, partition) for partition in partitions}
    await store.on_rebalance(assigned, set(), set())


async def test_a_partition_that_stays_keeps_its_very_dict(store: RunStore) -> None:
    recover(store, batch(written(KEY, 1, state(1)), offset=11))
    runs = store.runs(0)
    await rebalance(store, 0, 1)
    assert store.runs(0) is runs
    assert store.persisted_offset(TP(CHANGELOG, 0)) == 11


async def test_a_partition_that_goes_is_forgotten(store: RunStore) -> None:
    recover(store, batch(written(KEY, 1, state(1)), offset=11))
    await rebalance(store, 1)
    assert store.runs(0) == {}
    assert store.persisted_offset(TP(CHANGELOG, 0)) is None


async def test_an_invalidated_partition_is_read_anew_once(store: RunStore) -> None:
    recover(store, batch(written(KEY, 1, state(1)), offset=11))
    store.invalidate(0)
    await rebalance(store, 0)
    assert store.runs(0) == {}
    assert store.persisted_offset(TP(CHANGELOG, 0)) is None
    runs = store.runs(0)
    await rebalance(store, 0)
    assert store.runs(0) is runs


def test_nobody_but_the_owner_writes(store: RunStore) -> None:
    with pytest.raises(TypeError):
        store[KEY] = state(1)
    with pytest.raises(TypeError):
        del store[KEY]


def test_the_store_is_a_mapping_of_all_its_partitions(store: RunStore) -> None:
    other = b"shop\0run-2"
    recover(
        store, batch(written(KEY, 1, state(1))), batch(written(other, 2, state(2)), partition=1)
    )
    assert len(store) == 2
    assert set(store) == {KEY, other}
    assert store[other] == state(2)
    with pytest.raises(KeyError):
        store[b"shop\0none"]
