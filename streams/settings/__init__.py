"""Settings, declared once: environment variables with the prefix `DULY_`."""
