"""Judges recorded events again: from files, from a topic, under another definition."""
