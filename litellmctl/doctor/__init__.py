"""Checks between the user and the proxy, which name the first cause of a problem and its remedy."""
