"""The receiver: accepts VoiceInfra's signed webhooks and stores each completion before it answers."""
