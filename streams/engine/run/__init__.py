"""One run: its events, its timers, its window, its stored form."""
