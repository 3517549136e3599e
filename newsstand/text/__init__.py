"""Text preparation, identical for training and scoring."""
