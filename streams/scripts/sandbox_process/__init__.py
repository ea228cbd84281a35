"""Code that runs inside a sandbox process, for engines that cannot confine themselves.

`main` speaks with the worker, `confinement` gives up all that the process does not need, and a
language compiles scripts and calls them.
"""
