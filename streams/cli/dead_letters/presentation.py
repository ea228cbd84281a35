"""Renders dead letters as tables, lines and JSON; their content, which may be anything, is escaped."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from streams.cli.instants import day_and_time
from streams.cli.output import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.kafka.dead_letter_reader import StoredDeadLetter
    from streams.kafka.dead_letter_retry import Retry

HEX_ROW_BYTES = 16
_FIRST_PRINTED = 0x20
_LAST_PRINTED = 0x7E


def dead_letter_object(found: StoredDeadLetter) -> dict[str, Any]:
    """Return a dead letter as a JSON object; bytes are `{"text": …}` or `{"base64": …}`."""
    return {
        "id": str(found.id),
        "timestamp_ms": found.timestamp_ms,
        **found.about.model_dump(),
        "key": _bytes_object(found.key),
        "value": _bytes_object(found.value),
        "headers": [[name, _bytes_object(value)] for name, value in found.headers],
    }


def dead_letter_lines(found: StoredDeadLetter, topic: str) -> Iterator[str]:
    """Yield a dead letter whole: reason, source, key, headers and value."""
    about = found.about
    origin = f"{about.source_topic}, partition {about.source_partition}"
    rows = [
        ("dead letter", f"{found.id} of {topic}"),
        ("written", day_and_time(found.timestamp_ms)),
        ("reason", about.reason),
        ("error", escaped(about.error)),
        ("came from", f"{origin}, offset {about.source_offset}"),
        ("key", _shown(found.key)),
        *(("header", f"{escaped(name)}: {_shown(value)}") for name, value in found.headers),
        ("value", "none" if found.value is None else f"{len(found.value)} bytes"),
    ]
    yield from columns(rows)
    if found.value:
        yield ""
        yield from _value_lines(found.value)


def dead_letter_table(listed: Iterable[StoredDeadLetter]) -> Table:
    """Return dead letters as a table, a row each."""
    table = Table(expand=True)
    for heading in ("id", "written (UTC)", "reason"):
        table.add_column(heading, no_wrap=True)
    table.add_column("key", overflow="fold")
    table.add_column("error", ratio=1, overflow="fold")
    for found in listed:
        table.add_row(
            str(found.id),
            day_and_time(found.timestamp_ms).removesuffix(" UTC"),
            found.about.reason,
            Text(_shown(found.key)),
            Text(escaped(found.about.error)),
        )
    return table


def retry_object(retry: Retry) -> dict[str, Any]:
    """Return a retry as a JSON object."""
    return {
        "id": str(retry.dead_letter.id),
        "outcome": retry.outcome,
        "topic": retry.topic,
        "partition": retry.partition,
        "offset": retry.offset,
        "run_id": retry.run_id,
        "refusal": retry.refusal,
    }


def retry_line(retry: Retry) -> str:
    """Return a retry as a line."""
    id_ = retry.dead_letter.id
    if retry.refusal is not None:
        return f"{id_} not produced, it would come back: {escaped(retry.refusal)}"
    verb = "would go" if retry.offset is None else "went"
    offset = "" if retry.offset is None else f", offset {retry.offset}"
    target = f"{retry.topic}, partition {retry.partition}{offset}"
    return f"{id_} {verb} to {target} (run {escaped(retry.run_id or '')})"


def escaped(text: str) -> str:
    """Return text with control characters escaped."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def _bytes_object(data: bytes | None) -> dict[str, str] | None:
    if data is None:
        return None
    text = _as_text(data)
    return {"base64": base64.b64encode(data).decode()} if text is None else {"text": text}


def _as_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _shown(data: bytes | None) -> str:
    if data is None:
        return "none"
    text = _as_text(data)
    return f"{data.hex(' ')} (no text)" if text is None else escaped(text) or "empty"


def _value_lines(value: bytes) -> Iterator[str]:
    """Yield text as its lines, anything else as a hexadecimal dump."""
    text = _as_text(value)
    if text is not None:
        yield from map(escaped, text.split("\n"))
        return
    for offset in range(0, len(value), HEX_ROW_BYTES):
        row = value[offset : offset + HEX_ROW_BYTES]
        printed = "".join(chr(c) if _FIRST_PRINTED <= c <= _LAST_PRINTED else "." for c in row)
        yield f"{offset:08x}  {row.hex(' '):<{3 * HEX_ROW_BYTES}} {printed}"
