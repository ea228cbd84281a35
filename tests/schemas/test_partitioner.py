"""The partition of a key is the one that Kafka's own clients pick."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from schemas.partitioning import murmur2_partition


# The vectors of Kafka's own test, org.apache.kafka.common.utils.UtilsTest.testMurmur2.
@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_known_vectors(key: bytes, hashed: int):
    for partitions in (1, 8, 12, 2**31 - 1):
        assert murmur2_partition(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


@given(st.binary(max_size=300), st.integers(1, 1000))
def test_every_key_goes_where_aiokafka_sends_it(key: bytes, partitions: int):
    everywhere = list(range(partitions))
    assert murmur2_partition(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)
