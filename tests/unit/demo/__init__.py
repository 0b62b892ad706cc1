"""Tests of what the demo asks of Airflow."""
