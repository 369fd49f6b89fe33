"""Connects the stages to Airflow and Cosmos; no other package imports them."""
