"""Call lists: their rows, dialing, progress, circuit breaker and dry run."""
