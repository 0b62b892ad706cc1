"""Phone numbers: parses input to E.164, or gives a precise reason why it is invalid."""
