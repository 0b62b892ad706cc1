"""README and docs: every snippet is run by what reads it."""
