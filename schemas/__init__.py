"""The wire format: every shape, name and limit of what crosses Kafka.

    wire.py          decodes and checks events (the hot path), with field_checks.py and explain.py
    v1/              pydantic models of events and all other messages (off the hot path)
    topics.py        every topic, with its settings, producers and consumers
    headers.py       every record header
    ids.py           ids derived from content: verdicts, definition versions, state keys
    limits.py        every limit, option default and pattern
    units.py         units of time
    errors.py        errors of this package
    export.py        writes json/, the JSON Schemas; examples/ holds golden messages, good and bad
    compatibility.py finds breaking changes between two JSON Schemas

Nothing is imported here: `schemas.wire` must load without pydantic.
"""
