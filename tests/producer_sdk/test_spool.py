"""The spool without a broker: what is written is read, whatever has become of the files meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from producer_sdk._config import resolve
from producer_sdk._counters import Counters
from producer_sdk._spool.lock import LockedFolder
from producer_sdk._spool.spool import Spool
from producer_sdk._spool.spooled_queue import SpooledQueue
from tests.support.shared_kafka import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from producer_sdk._queue import Numbered
    from producer_sdk._wire import Record

TOPIC = "flow-events.v1"


def record(number: int, size: int = 0) -> Record:
    event = {"node": f"step-{number}", "run_id": "order-ä", "data": {"text": "x" * size}}
    return "order-ä".encode(), orjson.dumps(event)


def numbered(numbers: range, size: int = 0) -> list[Numbered]:
    return [(number, record(number, size)) for number in numbers]


def node(item: Numbered) -> int:
    event: Any = orjson.loads(item[1][1])
    return int(event["node"].removeprefix("step-"))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


@pytest.fixture
def open_spool(tmp_path: Path) -> Callable[..., Spool]:
    def open_(max_bytes: int = 1 << 30) -> Spool:
        return Spool(tmp_path, max_bytes)

    return open_


def test_events_come_back_in_their_order_with_numbers_and_keys(
    open_spool: Callable[..., Spool],
) -> None:
    spool = open_spool()
    assert spool.lowest_unread is None
    spool.append(numbered(range(3)))
    spool.append(numbered(range(3, 5)))
    assert spool.lowest_unread == 0
    events, unreadable = spool.read(4, 1 << 20)
    assert (events, unreadable) == (numbered(range(4)), [])
    assert spool.lowest_unread == 4
    spool.append(numbered(range(5, 7)))
    assert spool.read(10, 1 << 20).events == numbered(range(4, 7))
    assert spool.lowest_unread is None


def test_a_segment_is_removed_once_all_of_it_is_settled_in_whatever_order(
    open_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    spool = open_spool()
    spool.append(numbered(range(3)))
    spool.read(3, 1 << 20)
    spool.settle([2, 0])
    assert len(files(tmp_path)) == 1
    spool.settle([1])
    assert files(tmp_path) == []
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_closed_spool_leaves_the_next_one_takes_before_its_own(
    open_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    first = open_spool()
    first.append(numbered(range(3)))
    first.close()
    second = open_spool()
    second.append(numbered(range(100, 102)))
    assert second.take_over() == 3
    events = second.read(10, 1 << 20).events
    assert [node(item) for item in events] == [0, 1, 2, 100, 101]
    assert [number for number, _ in events] == sorted(number for number, _ in events)
    second.settle([number for number, _ in events])
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_is_held_is_not_taken(open_spool: Callable[..., Spool]) -> None:
    first, second = open_spool(), open_spool()
    first.append(numbered(range(3)))
    assert second.take_over() == 0
    first.close()
    assert second.take_over() == 3
    assert open_spool().take_over() == 0


def test_many_who_look_at_once_take_each_claim_once(
    open_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    for _ in range(20):
        left = open_spool()
        left.append(numbered(range(5)))
        left.close()
    together = threading.Barrier(8)
    taken: list[int] = []

    def take() -> None:
        spool = open_spool()
        together.wait()
        taken.append(spool.take_over())

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 20 * 5
    assert list(LockedFolder.abandoned(tmp_path)) == []


@pytest.mark.parametrize("cut", [1, 20, 50])
def test_a_last_line_that_is_cut_off_costs_only_itself(
    open_spool: Callable[..., Spool], tmp_path: Path, cut: int
) -> None:
    left = open_spool()
    left.append(numbered(range(3)))
    left.close()
    [file] = files(tmp_path)
    file.write_bytes(file.read_bytes()[:-cut])
    spool = open_spool()
    assert spool.take_over() == 3
    events, unreadable = spool.read(10, 1 << 20)
    whole = 3 if cut == 1 else 2  # the end of the line is no part of the event
    assert [node(item) for item in events] == list(range(whole))
    assert len(unreadable) == 3 - whole


def test_zeros_after_a_crash_of_the_machine_cost_only_themselves(
    open_spool: Callable[..., Spool], tmp_path: Path
) -> None:
    left = open_spool()
    left.append(numbered(range(3)))
    left.close()
    [file] = files(tmp_path)
    with file.open("ab") as opened:
        opened.write(bytes(4096))
    spool = open_spool()
    assert spool.take_over() == 4
    events, unreadable = spool.read(10, 1 << 20)
    assert [node(item) for item in events] == [0, 1, 2]
    assert len(unreadable) == 1


def test_a_file_that_is_gone_costs_its_events_which_are_counted(
    open_spool: Callable[..., Spool], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool()
    spool.append(numbered(range(3)))
    files(tmp_path)[0].unlink()
    assert spool.read(10, 1 << 20) == ([], [0, 1, 2])
    assert "3 events in" in caplog.text


def test_over_its_cap_the_oldest_go(open_spool: Callable[..., Spool], tmp_path: Path) -> None:
    spool = open_spool(1 << 20)
    given_up = 0
    for start in range(0, 4_000, 100):
        given_up += spool.append(numbered(range(start, start + 100), size=1_000))
        assert sum(file.stat().st_size for file in files(tmp_path)) <= 1 << 20
    events = spool.read(10_000, 1 << 30).events
    assert [node(item) for item in events] == list(range(given_up, 4_000))
    assert given_up > 2_000


def test_no_room_on_the_disk_leaves_no_half_line(
    open_spool: Callable[..., Spool], monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool()
    spool.append(numbered(range(3)))
    write, portions = os.write, [30]

    def write_a_little(file: int, content: memoryview) -> int:
        if not portions:
            raise OSError(28, "No space left on device")
        return write(file, content[: portions.pop()])

    monkeypatch.setattr(os, "write", write_a_little)
    with pytest.raises(OSError, match="No space left"):
        spool.append(numbered(range(3, 6)))
    monkeypatch.undo()
    spool.append(numbered(range(3, 6)))
    assert spool.read(10, 1 << 20) == (numbered(range(6)), [])


def test_the_lock_of_a_process_that_is_killed_is_free(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from producer_sdk._spool.spool import Spool
spool = Spool(Path({str(tmp_path)!r}), 1 << 30)
spool.append([(0, (b"order-1", b'{{"run_id":"order-1"}}'))])
print("written", flush=True)
input()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        spool = Spool(tmp_path, 1 << 30)
        assert spool.take_over() == 0
        process.kill()
        process.wait(10)
        assert spool.take_over() == 1


# --- the queue that has a spool


@pytest.fixture
def open_queue(tmp_path: Path) -> Generator[Callable[..., SpooledQueue]]:
    opened: list[SpooledQueue] = []

    def open_(**settings: Any) -> SpooledQueue:
        given = {"bootstrap_servers": "localhost:1", "spool_dir": tmp_path, **settings}
        queue = SpooledQueue(resolve(given, {}).config, Counters())
        queue.open()
        opened.append(queue)
        return queue

    yield open_
    for queue in opened:
        queue.abandon()


def test_what_has_no_room_in_memory_is_taken_in_order(
    open_queue: Callable[..., SpooledQueue],
) -> None:
    queue = open_queue(max_queue_events=10_000)
    for number in range(8_000):
        queue.put(record(number))
    assert len(queue) == 8_000
    seen: list[int] = []
    while not queue.is_drained():
        taken = queue.take(700, 1 << 20)
        seen += map(node, taken)
        queue.settle(taken, "delivered", None)
    assert seen == list(range(8_000))
    assert len(queue) == 0
    assert queue.flush(0)


def test_what_is_on_its_way_when_the_process_ends_is_left_to_the_next_in_order(
    open_queue: Callable[..., SpooledQueue], tmp_path: Path
) -> None:
    queue = open_queue()
    for number in range(100):
        queue.put(record(number))
    on_way = queue.take(30, 1 << 20)
    queue.settle(on_way[:10], "delivered", 10)
    assert not queue.flush(0)
    assert queue.abandon() == 0
    assert queue._counts["left_in_spool"] == 90
    following = open_queue()
    assert len(following) == 90
    assert list(map(node, following.take(1_000, 1 << 20))) == list(range(10, 100))


def test_a_flush_waits_for_what_is_in_the_spool(open_queue: Callable[..., SpooledQueue]) -> None:
    queue = open_queue()
    queue.put(record(0))
    assert not queue.flush(0)
    assert len(queue._records) == 0
    assert not queue.flush(0.05)
    taken = queue.take(10, 1 << 20)
    assert not queue.flush(0.05)
    queue.settle(taken, "delivered", None)
    assert queue.flush(0)


def test_a_spool_that_cannot_be_written_is_said_and_events_wait_in_memory(
    open_queue: Callable[..., SpooledQueue], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "a-file"
    blocked.touch()
    queue = open_queue(spool_dir=blocked, max_queue_events=1_000)
    for number in range(1_500):
        queue.put(record(number))
    assert not queue.flush(0)
    assert list(map(node, queue.take(2_000, 1 << 20))) == list(range(500, 1_500))
    queue.abandon()  # waits for the thread, which may be about to log
    assert f"events cannot be written to {blocked}" in caplog.text
