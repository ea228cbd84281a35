"""Version 1 of the wire format, one noun per module. An added optional field keeps the version."""
