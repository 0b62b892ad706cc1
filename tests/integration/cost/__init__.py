"""Tests of what costs no more in a store full of calls than in one with few, by steps or by plans."""
