"""A call list on two of everything, while one of each is killed: `make scale-out`."""
