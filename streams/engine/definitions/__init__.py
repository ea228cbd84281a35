"""Flow definitions: one version, all versions over time, their checks and their records."""
