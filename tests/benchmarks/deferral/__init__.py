"""Whether Airflow fails waits, and how soon the next task starts."""
