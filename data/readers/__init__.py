"""Readers of data formats."""
