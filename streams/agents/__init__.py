"""What the worker does with each kind of record, as plain functions that the pipeline wires."""
