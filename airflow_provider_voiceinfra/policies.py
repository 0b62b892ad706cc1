"""What a DAG says about its calls: when people may be called, whom to call again, when a list stops, and variants."""

from __future__ import annotations

from airflow_provider_voiceinfra.calls.redial import Redial, RedialRule
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.variants import Variant

__all__ = ["CallingHours", "CircuitBreaker", "Redial", "RedialRule", "Variant"]
