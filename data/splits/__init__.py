"""Assignment of rows to the training, validation and test splits."""
