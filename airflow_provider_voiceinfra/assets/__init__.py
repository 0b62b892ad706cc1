"""``voiceinfra://`` as a scheme of Airflow's assets."""
