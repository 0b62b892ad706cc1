"""The domain, free of Airflow: what a call is, how its number is read, and how it is placed at most once."""
