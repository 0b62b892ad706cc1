"""The notifier: phones the person on call."""
