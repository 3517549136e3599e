"""Score new articles with a bundle."""
