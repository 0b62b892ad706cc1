"""The scheme ``voiceinfra://`` of Airflow's assets."""
