"""What ties the steps to Airflow and Cosmos: the only package here that imports either."""
