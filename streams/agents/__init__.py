"""Agents of the worker: what it does with each kind of record."""
