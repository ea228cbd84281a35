"""The law of a run as pure functions: no Kafka, no Faust, no clock, no I/O."""
