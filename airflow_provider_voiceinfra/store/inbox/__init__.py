"""Webhooks in the store: deliveries, completions, quarantine, forwarding."""
