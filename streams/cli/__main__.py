"""`python -m streams.cli`, the same as `duly`."""

from streams.cli import main

main()
