"""The spool: files for events that have no room in memory, or that a process could not deliver.

    <spool_dir>/<topic>/<claim>/lock            held by the process whose events they are
    <spool_dir>/<topic>/<claim>/<number>.jsonl  a segment: one event in each line, in order

A process appends to segments of a claim of its own. Once its lock is free, as it has ended, any
other process takes the claim and sends what is in it. A segment is removed when all of its events
are settled; after a crash, those of one that was half sent are sent again, with the same ids.
"""
