"""The definitions topic in a worker: reader, upkeep, and what a record does to the registry."""
