"""What can be wrong between a user and a proxy: checks that name the first cause, and what mends it."""
