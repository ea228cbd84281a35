"""Ids are functions of content: these values may never change."""

from __future__ import annotations

import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import VERDICT_NAMESPACE, definition_version, state_key, verdict_id

OPENED = 1_763_985_600_000_000_000


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (("checkout", "order-1001", OPENED, 1), "5b18dbff-cf00-55ff-830b-2c3f67139811"),
        (("checkout", "order-1001", OPENED, 2), "9ed90ef0-f9ba-589a-8e26-a9368b901227"),
        (("checkout", "Zürich", OPENED, 1), "f0902d67-88cf-50b5-ac58-7db3bc83fd9a"),
    ],
)
def test_verdict_ids_stay_what_they_are(of: tuple[str, str, int, int], expected: str):
    assert verdict_id(*of) == expected


def test_a_verdict_id_is_a_uuid5_of_compact_json_in_utf_8():
    name = f'["checkout","Zürich",{OPENED},3]'
    assert verdict_id("checkout", "Zürich", OPENED, 3) == str(uuid.uuid5(VERDICT_NAMESPACE, name))


parts = st.tuples(st.text(max_size=4), st.text(max_size=4), st.integers(0, 3), st.integers(1, 3))


@given(parts, parts)
def test_verdict_ids_are_equal_only_for_equal_parts(
    one: tuple[str, str, int, int], other: tuple[str, str, int, int]
):
    assert (verdict_id(*one) == verdict_id(*other)) == (one == other)


def test_a_definition_version_is_a_hash_of_json_with_sorted_keys():
    digest = hashlib.sha256('{"a":{"b":"ü","c":1},"z":[2,1]}'.encode()).hexdigest()
    assert definition_version({"z": [2, 1], "a": {"c": 1, "b": "ü"}}) == digest[:16]


def test_a_state_key_parts_flow_and_run_by_nul():
    assert state_key("checkout", "Zürich") == b"checkout\0Z\xc3\xbcrich"
