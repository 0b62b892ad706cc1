"""Airflow provider for VoiceInfra: AI phone calls, placed at most once, and what was said."""

__version__ = "0.1.0"
