"""Searches for the settings of a config: `newsstand sweep`."""
