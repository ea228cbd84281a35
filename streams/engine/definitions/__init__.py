"""Flow definitions: one version, all versions over time, and their checks."""
