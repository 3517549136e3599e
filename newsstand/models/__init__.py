"""Model families, calibration and decisions."""
