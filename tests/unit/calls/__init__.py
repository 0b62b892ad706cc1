"""Tests of the domain: numbers, keys, requests, and how a call is placed at most once."""
