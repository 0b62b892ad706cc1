"""Whether a call may be placed now: constraints, calling hours, time zones, limits and their errors."""
