"""Skills: entries in the two stores, folders and archives, the prompt section."""
