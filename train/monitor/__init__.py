"""After training: shares of labels corrected for errors, and whether the input has changed."""
