"""The DAG whose calls meet faults."""
