"""Hashed n-grams, counted and weighted."""
