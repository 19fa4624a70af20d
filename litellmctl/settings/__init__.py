"""What the user configured: variables, paths, profiles and the values in them."""
