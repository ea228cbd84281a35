"""Names of all record headers."""

from __future__ import annotations

# On events, by the producer.
TRACEPARENT = "traceparent"
CORRELATION_ID = "correlation-id"
SDK = "duly-sdk"
CONTENT_TYPE = "content-type"

# On events and verdicts: wall-clock time of the writer, the one field that a replay does not reproduce.
PRODUCED_AT = "produced-at"

# On clock records, which have nothing but their timestamp (R13).
TYPE = "duly-type"
TYPE_CLOCK = b"clock"

# On verdicts: the generation of the consumer group, by which an audit finds writes of a zombie.
GENERATION = "duly-generation"

# On tombstones of the runs changelog: the source offset, which other values contain.
OFFSET = "duly-offset"

# On dead letters (schemas.v1.dead_letter).
REASON = "duly-reason"
ERROR = "duly-error"
SOURCE_TOPIC = "duly-source-topic"
SOURCE_PARTITION = "duly-source-partition"
SOURCE_OFFSET = "duly-source-offset"
