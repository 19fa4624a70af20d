"""The proxy as a provider in other programs: their files, how they are changed, and how that is undone."""
