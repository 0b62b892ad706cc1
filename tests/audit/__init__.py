"""What a careful team asks of a repository: ``make audit``."""
