"""Tests of what is built and started: the wheel, and Python programs of its own."""
