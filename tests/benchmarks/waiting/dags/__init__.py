"""The DAG whose waits are measured."""
