"""What tests and benchmarks share: workers, load, logs, the shared Kafka."""
