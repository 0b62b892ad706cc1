"""The sensor that waits for the completion of calls."""
