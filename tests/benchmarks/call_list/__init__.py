"""How fast a list is dialled, and what becomes of it when its worker is killed."""
