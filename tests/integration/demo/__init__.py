"""The demo's parts, with real processes."""
