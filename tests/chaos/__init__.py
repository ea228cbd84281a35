"""Workers and brokers that fail under load, and the audit of what was said: `python -m tests.chaos`, `make chaos`."""
