"""Tests of the call store with readers that are killed."""
