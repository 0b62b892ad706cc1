"""The command line: ``airflow voiceinfra …``, the same as ``python -m airflow_provider_voiceinfra …``."""
