"""Who we are: which proxy, with which credential, from which source."""
