"""The receiver: takes VoiceInfra's signed webhooks and keeps each completion before it answers."""
