"""Dead letters as people and programs see them. What they hold may be anything: it is escaped."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from streams.cli.instants import day_and_time
from streams.cli.output import columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.cli.dead_letters.dead_letters import Letter
    from streams.cli.dead_letters.retry import Retried

HEX_ROW_BYTES = 16
_FIRST_PRINTED = 0x20
_LAST_PRINTED = 0x7E


def letter_object(letter: Letter) -> dict[str, Any]:
    """Return a letter as what JSON can say: bytes are `{"text": …}`, or `{"base64": …}`."""
    return {
        "id": str(letter.place),
        "timestamp_ms": letter.timestamp_ms,
        **letter.about.model_dump(),
        "key": _bytes_object(letter.key),
        "value": _bytes_object(letter.value),
        "headers": [[name, _bytes_object(value)] for name, value in letter.headers],
    }


def letter_lines(letter: Letter, topic: str) -> Iterator[str]:
    """Yield a letter whole: why it is one, where it came from, and all that came."""
    about = letter.about
    origin = f"{about.source_topic}, partition {about.source_partition}"
    rows = [
        ("dead letter", f"{letter.place} of {topic}"),
        ("written", day_and_time(letter.timestamp_ms)),
        ("reason", about.reason),
        ("error", escaped(about.error)),
        ("came from", f"{origin}, offset {about.source_offset}"),
        ("key", _shown(letter.key)),
        *(("header", f"{escaped(name)}: {_shown(value)}") for name, value in letter.headers),
        ("value", "none" if letter.value is None else f"{len(letter.value)} bytes"),
    ]
    yield from columns(rows)
    if letter.value:
        yield ""
        yield from _value_lines(letter.value)


def letter_table(letters: Iterable[Letter]) -> Table:
    """Return letters as a table, a row each."""
    table = Table(expand=True)
    for heading in ("id", "written (UTC)", "reason"):
        table.add_column(heading, no_wrap=True)
    table.add_column("key", overflow="fold")
    table.add_column("error", ratio=1, overflow="fold")
    for letter in letters:
        table.add_row(
            str(letter.place),
            day_and_time(letter.timestamp_ms).removesuffix(" UTC"),
            letter.about.reason,
            Text(_shown(letter.key)),
            Text(escaped(letter.about.error)),
        )
    return table


def retried_object(retried: Retried) -> dict[str, Any]:
    """Return what became of a letter as what JSON can say."""
    return {
        "id": str(retried.letter.place),
        "outcome": _outcome(retried),
        "topic": retried.topic,
        "partition": retried.partition,
        "offset": retried.offset,
        "run_id": retried.run_id,
        "refusal": retried.refusal,
    }


def retried_line(retried: Retried) -> str:
    """Return what became of a letter as a line."""
    place = retried.letter.place
    if retried.refusal is not None:
        return f"{place} not produced, it would come back: {escaped(retried.refusal)}"
    verb = "would go" if retried.offset is None else "went"
    offset = "" if retried.offset is None else f", offset {retried.offset}"
    target = f"{retried.topic}, partition {retried.partition}{offset}"
    return f"{place} {verb} to {target} (run {escaped(retried.run_id or '')})"


def escaped(text: str) -> str:
    """Return text without anything that a terminal would obey."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def _outcome(retried: Retried) -> str:
    if retried.refusal is not None:
        return "refused"
    return "planned" if retried.offset is None else "produced"


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
    """Yield text as lines of text, and anything else as a dump in hexadecimal."""
    text = _as_text(value)
    if text is not None:
        yield from map(escaped, text.split("\n"))
        return
    for offset in range(0, len(value), HEX_ROW_BYTES):
        row = value[offset : offset + HEX_ROW_BYTES]
        printed = "".join(chr(c) if _FIRST_PRINTED <= c <= _LAST_PRINTED else "." for c in row)
        yield f"{offset:08x}  {row.hex(' '):<{3 * HEX_ROW_BYTES}} {printed}"
