"""Airflow provider for VoiceInfra: AI phone calls, placed at most once, and what was said."""

# Until every environment has been installed again, with the new entry point.
from airflow_provider_voiceinfra.get_provider_info import get_provider_info

__version__ = "0.1.0"
__all__ = ["get_provider_info"]
