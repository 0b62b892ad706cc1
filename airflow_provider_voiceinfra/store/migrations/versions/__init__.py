"""The migrations, a file for each version of the schema."""
