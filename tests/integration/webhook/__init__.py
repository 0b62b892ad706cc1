"""Tests of the receiver with writers that are killed."""
