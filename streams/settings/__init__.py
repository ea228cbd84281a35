"""Settings, declared once: environment variables with the prefix `DULY_`; one file for each kind of process."""
