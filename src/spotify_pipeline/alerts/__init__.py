"""Alerts to operators, sent once per cause, without Airflow."""
