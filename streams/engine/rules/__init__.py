"""The rules of judgement; `streams/engine/__init__.py` has the table of rules and files."""
