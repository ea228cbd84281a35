"""Names of the headers on our records, in one place."""

from __future__ import annotations

# On events, by the producer.
TRACEPARENT = "traceparent"
CORRELATION_ID = "correlation-id"
SDK = "duly-sdk"
CONTENT_TYPE = "content-type"

# On events and verdicts: wall time of the writer, the one field that no replay reproduces.
PRODUCED_AT = "produced-at"

# On clock records, which carry nothing but their timestamp (R13).
TYPE = "duly-type"
TYPE_CLOCK = b"clock"

# On verdicts: the consumer group's generation, by which an audit finds a zombie's writes.
GENERATION = "duly-generation"

# On tombstones of the runs changelog: the source offset, which a value carries in itself.
OFFSET = "duly-offset"

# On dead letters (schemas.v1.dead_letter).
REASON = "duly-reason"
ERROR = "duly-error"
SOURCE_TOPIC = "duly-source-topic"
SOURCE_PARTITION = "duly-source-partition"
SOURCE_OFFSET = "duly-source-offset"
