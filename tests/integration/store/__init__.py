"""Tests of the call store with readers that are killed, and writers that are stopped anywhere."""
