"""Runs filters and validators, which come over the wire, where they can neither escape nor stall.

`sandbox` is the door. Behind it `rounds` shares out time among the calls of a script, and `bench`
keeps those away that waste it. The engines know nothing of all that: `python` has Monty's pool of
processes and makes programs for it in `pysource`; `cel` and `javascript` speak through `process`
with a process that runs `child`, which must stay quick to start. So nothing is imported here.
"""
