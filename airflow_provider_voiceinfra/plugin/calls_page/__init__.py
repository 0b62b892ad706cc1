"""The Calls page: who was called, what was said, and the switch that stops it."""
