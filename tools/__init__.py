"""Generators of pages of the docs; not part of the wheel."""
