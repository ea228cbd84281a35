"""Turns the text of a python script into the programs that the sandbox runs.

`parsing` reads it into one function, `rules` refuses what it may not contain, `cpython_compat`
rewrites what the sandbox evaluates differently from CPython, `tracing` adds notes on where it
stopped and what it compared, `program` puts the programs together, and `answers` reads what they
print. All by syntax tree: nothing of a script is run, imported or compiled in our own process.
"""
