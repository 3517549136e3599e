"""Fit, calibrate, evaluate, log: from a config to a bundle."""
