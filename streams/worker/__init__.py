"""The worker process: Faust app, start position, lifecycle, health page, tuning, exit codes."""
