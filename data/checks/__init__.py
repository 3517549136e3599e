"""The checks of `newsstand check`, and its report."""
