"""Tests of parts together: whole DAGs by ``dag.test()``, the docs, and processes that race or are killed."""
