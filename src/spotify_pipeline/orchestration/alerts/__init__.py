"""Airflow callbacks, deadlines and channels that send alerts."""
