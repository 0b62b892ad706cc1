"""Airflow provider for VoiceInfra: AI phone calls, placed at most once, and what was said."""

from __future__ import annotations

__version__ = "0.1.0"
