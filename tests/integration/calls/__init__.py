"""Tests of lists and of the guard with processes that race and are killed, and of a call in every order of events."""
