"""From the text of a python script to the programs that the sandbox runs.

`shape` reads it into one function, `rules` refuses what it may not contain, `dialect` rewrites
what the sandbox does otherwise than CPython, `explanation` makes the twin that tells why an answer
was what it was, and `program` puts the texts together. All by syntax tree: nothing of a script is
ever run, imported or compiled in our own process.
"""
