"""Benchmarks of Duly against a bare consumer on the same Kafka in the same run: `python -m benchmarks`."""
