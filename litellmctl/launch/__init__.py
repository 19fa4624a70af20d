"""Starting another program with the proxy: the plan, its environment and temporary files, and the process."""
