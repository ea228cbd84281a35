"""What Duly costs, measured against a bare consumer on the same Kafka in the same run: `python -m benchmarks`."""
