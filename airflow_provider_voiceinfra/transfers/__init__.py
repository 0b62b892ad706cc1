"""The transfer: what became of calls, for the warehouse."""
