"""Shared by `duly demo` and `duly dev`: a broker, a worker and signals on this machine."""
