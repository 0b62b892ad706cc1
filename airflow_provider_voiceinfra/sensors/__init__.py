"""The sensor: waits for the completion of calls."""
