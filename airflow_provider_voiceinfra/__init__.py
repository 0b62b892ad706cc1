"""Airflow provider for VoiceInfra: AI phone calls, placed at most once, and their completions."""

__version__ = "0.1.0"
