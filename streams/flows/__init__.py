"""Flow files and definitions: read, check, publish, compare, draw."""
