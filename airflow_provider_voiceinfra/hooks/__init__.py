"""The hook: the connection to VoiceInfra, and the calls."""
