"""Helpers shared by tests and benchmarks: workers, load, logs, the shared Kafka."""
