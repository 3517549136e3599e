"""The model families, calibration and decisions."""
