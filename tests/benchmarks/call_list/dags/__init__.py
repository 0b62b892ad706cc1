"""The DAG that a list is measured beside."""
