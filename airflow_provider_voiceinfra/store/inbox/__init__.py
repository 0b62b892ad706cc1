"""What webhooks bring: deliveries, completions, quarantine, forwarding."""
