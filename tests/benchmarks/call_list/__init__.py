"""How fast a list is dialled, and what happens when its worker is killed."""
