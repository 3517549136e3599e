"""Readers of the formats of rows."""
