"""What the guard costs in a store full of calls."""
