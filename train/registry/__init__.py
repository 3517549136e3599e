"""Registered models: whether a version gets an alias, moves of the alias, and their history."""
