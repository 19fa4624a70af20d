"""The proxy as a provider in other programs: the changes of their files, and how to undo them."""
