"""A service that records for minutes while its broker is restarted; `make soak`."""
