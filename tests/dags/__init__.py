"""DAGs that only the tests run."""
