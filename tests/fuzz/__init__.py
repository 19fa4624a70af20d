"""Properties of every parser, for inputs that nobody thought of. LITELLMCTL_CAMPAIGN=1 tries many more of them."""
