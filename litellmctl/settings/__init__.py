"""The user's configuration: variables, paths, profiles and their settings."""
