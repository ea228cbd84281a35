"""Every attack of the tests' list, through `duly replay` and through a worker: `python -m tests.attacks`."""
