"""Tests in a real ``airflow standalone``, with a real browser for the Calls page."""
