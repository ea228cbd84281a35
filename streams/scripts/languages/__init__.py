"""The languages that scripts are written in."""
