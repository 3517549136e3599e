"""The one preparation of text, for training and scoring alike."""
