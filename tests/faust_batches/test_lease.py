"""A worker that stood still must not write."""

from __future__ import annotations

import subprocess
import sys
from typing import NoReturn

import pytest

from streams.errors import EXIT_INTERNAL, LeaseLost
from streams.faust_batches.lease import SESSION_SHARE, Lease

SESSION_MS = 10_000
LIMIT_S = SESSION_MS / 1_000 * SESSION_SHARE


def give_up(error: LeaseLost) -> NoReturn:
    raise error


class Clock:
    """Seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lease(clock: Clock) -> Lease:
    return Lease(SESSION_MS, abandon=give_up, now=clock)


def test_a_lease_that_was_never_renewed_is_not_armed(lease: Lease, clock: Clock) -> None:
    clock.now_s += 1_000
    lease.check()


def test_a_lease_holds_up_to_its_share_of_the_session(lease: Lease, clock: Clock) -> None:
    lease.renew()
    clock.now_s += LIMIT_S
    lease.check()


def test_a_lease_is_lost_after_its_share_of_the_session(lease: Lease, clock: Clock) -> None:
    lease.renew()
    clock.now_s += LIMIT_S + 0.1
    with pytest.raises(LeaseLost, match=r"stood still for 6\.1 s"):
        lease.check()


def test_a_renewed_lease_lasts_from_then_on(lease: Lease, clock: Clock) -> None:
    lease.renew()
    clock.now_s += LIMIT_S
    lease.renew()
    clock.now_s += LIMIT_S
    lease.check()


async def test_the_tick_notices_by_itself_that_the_process_stood_still(clock: Clock) -> None:
    lease = Lease(SESSION_MS, abandon=give_up, now=clock)
    lease.renew()
    clock.now_s += LIMIT_S + 1
    with pytest.raises(LeaseLost):
        await lease.keep()


def test_a_lost_lease_ends_the_process_at_once_with_its_exit_code() -> None:
    program = (
        "from streams.errors import LeaseLost\n"
        "from streams.faust_batches.lease import abandon_process\n"
        "try: abandon_process(LeaseLost('frozen'))\n"
        "finally: print('not reached')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == EXIT_INTERNAL
    assert "lease lost" in ended.stdout + ended.stderr
    assert "not reached" not in ended.stdout
