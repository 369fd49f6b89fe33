"""Alerts to operators: what happened, what it means, what to do, sent once per cause. No Airflow."""
