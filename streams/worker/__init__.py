"""The worker process: start, lifecycle, health page, tuning, exit codes."""
