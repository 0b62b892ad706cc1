"""A real Airflow on this machine: what the demo and the system tests run on."""
