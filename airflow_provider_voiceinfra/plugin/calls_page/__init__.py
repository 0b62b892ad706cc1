"""The Calls page: calls, their content and outcomes, and the switch that pauses them."""
