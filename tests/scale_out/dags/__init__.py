"""The DAG that scale-out runs."""
