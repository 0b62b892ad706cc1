"""What a DAG says about its calls: when people may be called, whom to call again, and when a list stops."""

from __future__ import annotations

from airflow_provider_voiceinfra.calls.redial import Redial, RedialRule
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker

__all__ = ["CallingHours", "CircuitBreaker", "Redial", "RedialRule"]
