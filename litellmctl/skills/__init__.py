"""What a skill is: the two stores' entries, folders and archives, the prompt section."""
