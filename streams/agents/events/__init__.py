"""The events topic in a worker: decode, judge, emit, remember, commit."""
