"""TAB completion: the shells' scripts, what they ask, and the values that are offered."""
