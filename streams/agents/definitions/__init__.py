"""The definitions topic in a worker: reader, upkeep, and the agent that fills the registry."""
