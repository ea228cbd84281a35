"""What runs in the sandbox process of an engine that cannot bound itself.

`main` speaks with the worker, `confinement` gives up all that the process does not need, and a
language compiles scripts and calls them.
"""
