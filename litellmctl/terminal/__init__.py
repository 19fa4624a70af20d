"""The only rooms that know a terminal: its streams, its prompts, and how data is printed."""
