"""How long the Calls page takes in a store of a million calls."""
