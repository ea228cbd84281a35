"""Throughput of redaction in the calling thread: `python -m benchmarks.redaction [--json]`; needs no broker."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import orjson

from producer_sdk import Redaction
from producer_sdk._redaction.redactor import Redactor
from tests.support.report import Row, print_table

TITLE = "redaction, all that is built in"
MIN_SECONDS = 0.3
"""How long each event is redacted again and again; the best of `ROUNDS` such spans counts."""
ROUNDS = 5
STAMP_NS = 1_795_526_955_162_636_203

PROSE = (
    "The customer asked for a refund of the second parcel, since the lamp arrived broken. "
    "We told her that a new one is on its way, and that she may keep what she has. "
)
LOG = (
    "2026-01-31T12:00:00.123Z INFO order 550e8400-e29b-41d4-a716-446655440000 took 12.5 ms, "
    "total 1234.56 EUR, sku HX-99 x 2; "
)
ADDRESS = "Ask max.mustermann@example.de or call +49 170 1234567 about the second parcel. "
ORDER = {
    "order": "A-1993",
    "amount": 1999,
    "currency": "EUR",
    "items": [{"sku": "HX-99", "n": 2, "price": 12.5}],
    "at": "2026-01-31T12:00:00+00:00",
    "note": "left at the door",
}

IDS = {
    "customer_id": "550e8400-e29b-41d4-a716-446655440000",
    "shipping_address_id": "0195e8a4-7c1d-7000-9a3b-5f2c8d7e6b1a",
    "url": "https://shop.example.com/orders/1993",
    "parcel_number_of_the_carrier": "HX-99-1993",
    "amount": 1999,
}

TEXT_CHARS = 64 * 1024
EVENTS: dict[str, Any] = {
    "clean event, 300 bytes": ORDER,
    "clean event with ids and a URL, 360 bytes": IDS,
    "clean prose, 64 KiB": {"text": PROSE * (TEXT_CHARS // len(PROSE))},
    "clean log lines, 64 KiB": {"text": LOG * (TEXT_CHARS // len(LOG))},
    "event with an email, 300 bytes": ORDER | {"note": "call max@example.de first"},
    "two findings in each 80 characters, 64 KiB": {"text": ADDRESS * (TEXT_CHARS // len(ADDRESS))},
    "hostile: only letters and @, 64 KiB": {"text": "a@" * (TEXT_CHARS // 2)},
    "hostile: only digits, 64 KiB": {"text": "4" * TEXT_CHARS},
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    rows = measure_redaction()
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps({TITLE: rows}, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        print_table(TITLE, rows)


def measure_redaction() -> list[Row]:
    """Return a row for each kind of event."""
    redactor = Redactor(Redaction(), lambda _texts: None)
    return [measure(redactor, what, data) for what, data in EVENTS.items()]


def measure(redactor: Redactor, what: str, data: dict[str, Any]) -> Row:
    """Redact one event again and again, and return the row of it."""
    encoded = encode(data)
    seconds = min(_seconds_of_one(redactor, encoded) for _ in range(ROUNDS))
    return {
        "measured": what,
        "bytes": len(encoded),
        "changed": redactor.event(encoded) != encoded,
        "µs/event": round(seconds * 1e6, 1),
        "MB/s": round(len(encoded) / seconds / 1e6, 1),
    }


def encode(data: dict[str, Any]) -> bytes:
    """Return an event of the wire with that data."""
    return orjson.dumps(
        {
            "v": 1,
            "event_id": "019c2f6e-7d3a-7b22-8f8b-8a2e50533f00",
            "flow": "checkout",
            "node": "pay",
            "run_id": "order-1993",
            "type": "act",
            "ts": STAMP_NS,
            "data": data,
        }
    )


def _seconds_of_one(redactor: Redactor, encoded: bytes) -> float:
    """Return CPU seconds for one event: what else the machine does is not counted."""
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < MIN_SECONDS:
        for _ in range(10):
            redactor.event(encoded)
        count += 10
    return spent / count


if __name__ == "__main__":
    main()
