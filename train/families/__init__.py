"""How the model family of each kind is fitted."""
