"""Every fault of the network and of the API, beside Airflow's HttpOperator."""
