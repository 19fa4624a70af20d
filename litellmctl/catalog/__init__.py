"""What a model is: facts of deployments, their reduction, filters, and the cache of the result."""
