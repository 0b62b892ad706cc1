"""A simulated VoiceInfra for development and tests: no phone rings."""

from __future__ import annotations

from airflow_provider_voiceinfra.sandbox.records import Dial
from airflow_provider_voiceinfra.sandbox.scenarios import SCENARIOS, Scenario
from airflow_provider_voiceinfra.sandbox.server import Sandbox

__all__ = ["SCENARIOS", "Dial", "Sandbox", "Scenario"]
