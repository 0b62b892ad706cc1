"""The hook: the connection to VoiceInfra and its calls."""
