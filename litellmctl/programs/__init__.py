"""Other programs: how each takes the proxy for one run, the changes of its files, and how to undo them."""
