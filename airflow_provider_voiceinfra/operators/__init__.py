"""The operators: one call, and a call list."""
