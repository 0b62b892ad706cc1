"""Tests of the call store, each on SQLite and on PostgreSQL."""
