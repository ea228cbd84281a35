"""Spool: files for events that have no room in memory, or that a process could not deliver.

    <spool_dir>/<topic>/<process>/lock            locked by the process that writes here
    <spool_dir>/<topic>/<process>/<number>.jsonl  a segment: one event a line, in order

A process appends to segments in a folder of its own. Once its lock is free, because it has ended,
another process locks the folder and sends the events. A segment is removed when all of its events
are settled. After a crash, the events of a half-sent segment are sent again, with the same ids.
"""
