"""The operators: one call."""
