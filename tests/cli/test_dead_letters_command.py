from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.partitioning import murmur2_partition
from schemas.topics import DEAD_LETTERS, EVENTS
from schemas.v1.dead_letter import DeadLetter
from tests.support.recorded_lines import event
from tests.support.topic_records import Sent, read, write

if TYPE_CHECKING:
    from schemas.errors import DeadLetterReason
    from tests.support.command_line import Duly

THEIRS = (("traceparent", b"00-abc"), ("binary", b"\xff\x00"), ("empty", None))
GOOD = event("a", 0).encode()
BELONGS = murmur2_partition(b"run-1", 2)


def letter(
    reason: DeadLetterReason = "not_json",
    *,
    key: bytes | None = b"run-1",
    value: bytes | None = b"{",
    partition: int = 0,
    error: str = "not JSON: it ends too soon",
) -> Sent:
    about = DeadLetter(
        reason=reason,
        error=error,
        source_topic="flow-events.v1",
        source_partition=partition,
        source_offset=7,
    )
    headers = (*THEIRS, *about.to_headers())
    return Sent(DEAD_LETTERS, partition, key, value, headers)


def json_lines(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


@pytest.mark.usefixtures("topics")
def test_list_prints_a_line_of_json_for_each_and_counts_the_reasons(duly: Duly) -> None:
    write([letter(), letter("too_big", partition=1), letter(value=None, key=None)])
    result = duly("dead-letters", "list")
    assert result.exit_code == 0
    first, second, third = json_lines(result.stdout)
    assert [one["id"] for one in (first, second, third)] == ["0:0", "1:0", "0:1"]
    assert first == {
        "id": "0:0",
        "timestamp_ms": first["timestamp_ms"],
        "reason": "not_json",
        "error": "not JSON: it ends too soon",
        "source_topic": "flow-events.v1",
        "source_partition": 0,
        "source_offset": 7,
        "key": {"text": "run-1"},
        "value": {"text": "{"},
        "headers": [
            ["traceparent", {"text": "00-abc"}],
            ["binary", {"base64": "/wA="}],
            ["empty", None],
        ],
    }
    assert (third["key"], third["value"]) == (None, None)
    assert result.stderr == "3 dead letters: 2 not_json, 1 too_big\n"


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (["--reason", "too_big"], ["0:1"]),
        (["--reason", "too_big", "--reason", "wrong_key"], ["0:1", "1:0"]),
        (["--run", "run-2"], ["1:0"]),
        (["--reason", "not_json", "--run", "run-2"], []),
        (["--limit", "2"], ["0:1", "1:0"]),
    ],
)
def test_filters_and_the_limit_choose(duly: Duly, filters: list[str], ids: list[str]) -> None:
    write([letter(), letter("too_big"), letter("wrong_key", key=b"run-2", partition=1)])
    result = duly("dead-letters", "list", *filters)
    assert [one["id"] for one in json_lines(result.stdout)] == ids
    if "--limit" in filters:
        assert result.stderr.endswith("; shown: the newest 2\n")
    elif not ids:
        assert result.stderr == "0 dead letters\n"


@pytest.mark.usefixtures("topics")
def test_since_leaves_out_what_is_older(duly: Duly) -> None:
    write([letter()])
    (first,) = json_lines(duly("dead-letters", "list").stdout)
    while time.time() * 1000 <= first["timestamp_ms"]:
        pass
    write([letter("too_big")])
    since = datetime.fromtimestamp((first["timestamp_ms"] + 1) / 1000, UTC).isoformat()
    result = duly("dead-letters", "list", "--since", since)
    assert [one["reason"] for one in json_lines(result.stdout)] == ["too_big"]


@pytest.mark.usefixtures("topics")
def test_what_is_no_dead_letter_is_not_listed(duly: Duly) -> None:
    write([Sent(DEAD_LETTERS, 0, b"k", b"v"), letter()])
    assert [one["id"] for one in json_lines(duly("dead-letters", "list").stdout)] == ["0:1"]


@pytest.mark.usefixtures("topics")
def test_a_terminal_gets_a_table_that_nothing_in_a_letter_can_disturb() -> None:
    write([letter(key=b"\x1b[2Jkey", error="[red]bad[/red] \x07")])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "streams.cli", "dead-letters", "list"]
    environment = os.environ | {"COLUMNS": "160", "TERM": "dumb"}
    subprocess.run(command, stdout=theirs, check=True, env=environment)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert r"\x1b[2Jkey" in shown
    assert r"[red]bad[/red] \x07" in shown
    assert "\x07" not in shown


@pytest.mark.usefixtures("topics")
def test_show_tells_all_of_a_letter(duly: Duly, topic_prefix: str) -> None:
    write([letter(value=b'{"a":\x1b\n1')])
    result = duly("dead-letters", "show", "0:0")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        f"dead letter  0:0 of {topic_prefix}flow-dead-letters.v1\nwritten      20"
    )
    assert result.stdout.endswith(
        "reason       not_json\n"
        "error        not JSON: it ends too soon\n"
        "came from    flow-events.v1, partition 0, offset 7\n"
        "key          run-1\n"
        "header       traceparent: 00-abc\n"
        "header       binary: ff 00 (no text)\n"
        "header       empty: none\n"
        "value        8 bytes\n"
        "\n"
        '{"a":\\x1b\n'
        "1\n"
    )


@pytest.mark.usefixtures("topics")
def test_show_dumps_a_value_that_is_no_text(duly: Duly) -> None:
    write([letter(value=b"\xff" + bytes(range(60, 76)))])
    lines = duly("dead-letters", "show", "0:0").stdout.splitlines()
    assert lines[-2:] == [
        "00000000  ff 3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a  .<=>?@ABCDEFGHIJ",
        "00000010  4b                                               K",
    ]


@pytest.mark.usefixtures("topics")
def test_show_raw_writes_the_value_byte_by_byte_and_json_a_document(duly: Duly) -> None:
    write([letter(value=b"\xff\x00\n"), letter(value=None)])
    assert duly("dead-letters", "show", "0:0", "--raw").stdout_bytes == b"\xff\x00\n"
    assert duly("dead-letters", "show", "0:1", "--raw").stdout_bytes == b""
    shown = json.loads(duly("dead-letters", "show", "0:0", "--json").stdout)
    assert shown["value"] == {"base64": "/wAK"}
    assert "none" in duly("dead-letters", "show", "0:1").stdout.splitlines()[-1]


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize(
    ("letter_id", "reason"),
    [
        ("0:5", "there is no dead letter 0:5 on partition 0 of "),
        ("0:1", "there is no dead letter 0:1 on partition 0 of "),
        ("1:0", "it is empty"),
        ("2:0", "has 2 partitions"),
        ("five", "'five' is not an id of a dead letter: PARTITION:OFFSET"),
        ("-1:0", "No such option"),
        ("1:²", "is not an id of a dead letter"),
    ],
)
def test_show_of_what_is_not_there_is_exit_2(duly: Duly, letter_id: str, reason: str) -> None:
    write([letter(), Sent(DEAD_LETTERS, 0, b"k", b"no letter")])
    result = duly("dead-letters", "show", letter_id)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr


@pytest.mark.usefixtures("topics")
def test_retry_produces_the_original_where_its_key_belongs(duly: Duly) -> None:
    write([letter("wrong_partition", value=GOOD, partition=1 - BELONGS)])
    result = duly("dead-letters", "retry", f"{1 - BELONGS}:0")
    assert result.exit_code == 0
    (told,) = json_lines(result.stdout)
    (record,) = read(EVENTS)
    assert (record.key, record.value, record.headers) == (b"run-1", GOOD, THEIRS)
    assert (told["outcome"], told["run_id"], told["refusal"]) == ("produced", "run-1", None)
    assert (told["partition"], told["offset"]) == (record.partition, record.offset)
    assert record.partition == BELONGS
    assert result.stderr == "dead letters: 1 produced\n"
    assert len(read(DEAD_LETTERS)) == 1


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        (letter(), "not_json: "),
        (letter(value=None), "not_json: "),
        (letter(value=GOOD, key=b"another"), "wrong_key: "),
        (letter(value=GOOD, key=None), "wrong_key: "),
        (letter(value=orjson.dumps(orjson.loads(GOOD) | {"v": 9})), "unknown_version: "),
    ],
)
def test_retry_does_not_produce_what_would_come_back(duly: Duly, sent: Sent, refusal: str) -> None:
    write([sent, letter("too_many_events", value=GOOD)])
    result = duly("dead-letters", "retry", "0:0", "0:1")
    assert result.exit_code == 2
    first, second = json_lines(result.stdout)
    assert (first["outcome"], first["offset"]) == ("refused", None)
    assert first["refusal"].startswith(refusal)
    assert second["outcome"] == "produced"
    assert len(read(EVENTS)) == 1
    assert result.stderr == "dead letters: 1 refused, 1 produced\n"


@pytest.mark.usefixtures("topics")
def test_retry_of_all_takes_the_filters(duly: Duly) -> None:
    write([letter("too_many_events", value=GOOD, partition=p) for p in (0, 1)])
    write([letter("too_large", value=GOOD), letter("too_large", value=GOOD, key=b"x")])
    result = duly("dead-letters", "retry", "--all", "--reason", "too_large", "--run", "run-1")
    assert [one["id"] for one in json_lines(result.stdout)] == ["0:1"]
    assert len(read(EVENTS)) == 1


@pytest.mark.usefixtures("topics")
def test_a_dry_run_only_says_what_it_would_do(duly: Duly) -> None:
    write([letter("too_large", value=GOOD)])
    result = duly("dead-letters", "retry", "--all", "--dry-run")
    (told,) = json_lines(result.stdout)
    assert (told["outcome"], told["partition"], told["offset"]) == ("planned", BELONGS, None)
    assert read(EVENTS) == []


@pytest.mark.usefixtures("topics")
def test_a_wrong_id_among_others_does_nothing(duly: Duly) -> None:
    write([letter("too_large", value=GOOD)])
    result = duly("dead-letters", "retry", "0:0", "0:9")
    assert (result.exit_code, result.stdout) == (2, "")
    assert read(EVENTS) == []


@pytest.mark.parametrize(
    "arguments", [[], ["0:0", "--all"], ["--reason", "too_big"], ["0:0", "--run", "x"], ["x"]]
)
def test_retry_must_know_what_is_meant(duly: Duly, arguments: list[str]) -> None:
    result = duly("dead-letters", "retry", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize("command", [["list"], ["show", "0:0"], ["retry", "--all"]])
def test_without_the_topic_the_error_names_it(
    duly: Duly, topic_prefix: str, command: list[str]
) -> None:
    result = duly("dead-letters", *command)
    assert (result.exit_code, result.stdout) == (4, "")
    assert f"there is no topic {topic_prefix}flow-" in result.stderr
