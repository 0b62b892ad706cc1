"""What waiting for calls costs, and how soon it ends."""
