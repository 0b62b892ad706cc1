"""How long the Calls page takes in a store full of calls."""
