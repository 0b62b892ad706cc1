"""Tests of the Calls page: what it shows, to whom, and what it lets them do."""
