"""What waiting for calls costs, and how soon a wait ends."""
