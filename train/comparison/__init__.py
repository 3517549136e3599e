"""Comparisons of runs on the same test rows."""
