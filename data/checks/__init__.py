"""What `newsstand check` looks for, and its report."""
