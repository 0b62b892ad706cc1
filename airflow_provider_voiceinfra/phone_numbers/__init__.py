"""Phone numbers: from what people write to E.164, or a precise reason why not."""
