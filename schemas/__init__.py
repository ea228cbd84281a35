"""The wire: every shape, name and limit that crosses Kafka, in one package.

    wire.py      bytes of the events topic -> Event, checked by hand (the hot path)
    v1/          the same shapes and all others as pydantic models (everything off the hot path)
    topics.py    every topic, with its settings, producers and consumers
    headers.py   every record header
    ids.py       ids that are functions of content: verdicts, definition versions, state keys
    limits.py    every bound, option default and pattern
    errors.py    what is raised here
    export.py    writes json/, the JSON Schemas; examples/ holds golden messages, good and bad

Nothing is imported here: `schemas.wire` must load without pydantic.
"""
