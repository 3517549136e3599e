"""Reads labelled news, validates and prepares its rows, and splits them."""
