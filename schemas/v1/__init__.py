"""Version 1 of the wire, one noun a module. An added optional field keeps the version."""
