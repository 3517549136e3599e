"""Labelled news in, validated rows and trustworthy splits out."""
