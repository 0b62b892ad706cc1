"""DAGs that the benchmark gives to Airflow."""
