"""Call lists and their rows."""
