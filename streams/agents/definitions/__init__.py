"""The definitions topic in a worker: reader, upkeep, and adding its records to the registry."""
