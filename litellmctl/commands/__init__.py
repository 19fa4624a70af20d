"""The command line: one file per noun, each of which parses, makes one call and returns data."""
