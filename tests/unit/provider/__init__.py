"""Tests of what is published: the wheel, the provider's description, the commands."""
