"""Environments that share a store do not meet, whatever is asked for in one of them."""
