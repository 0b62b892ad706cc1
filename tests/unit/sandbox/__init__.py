"""Tests of the simulated VoiceInfra, as its clients see it."""
