"""The notifier, which calls the person on call."""
