"""Kafka's default partitioner: murmur2 of the key.

`i64` is an `int` in Python and a machine word when compiled (docs/decisions/0006-compiled-engine.md); no
product here overflows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_extensions import i64


def murmur2_partition(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's default partitioner picks for `key`, from 0."""
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


def _murmur2(key: bytes) -> int:
    """Return the 32-bit murmur2 of `key` with the seed of Kafka's clients.

    Source: Austin Appleby's MurmurHash2, as org.apache.kafka.common.utils.Utils computes it.
    """
    size = len(key)
    hashed: i64 = 0x9747B28C ^ size
    at: i64
    for at in range(0, size - 3, 4):
        word: i64 = key[at] | key[at + 1] << 8 | key[at + 2] << 16 | key[at + 3] << 24
        mixed: i64 = word * 0x5BD1E995 & 0xFFFFFFFF
        hashed = (hashed * 0x5BD1E995 ^ (mixed ^ mixed >> 24) * 0x5BD1E995) & 0xFFFFFFFF
    if tail := size & 3:
        rest: i64 = int.from_bytes(key[-tail:], "little")
        hashed = (hashed ^ rest) * 0x5BD1E995 & 0xFFFFFFFF
    hashed = (hashed ^ hashed >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return hashed ^ hashed >> 15
