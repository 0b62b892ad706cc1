"""Tests of the spool, with real receivers and files that go wrong."""
