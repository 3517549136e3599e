"""Evaluation: metrics with intervals, slices, calibration and comparisons of models."""
