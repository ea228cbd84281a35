"""Metrics of a worker: the registry, and the histogram behind it."""
