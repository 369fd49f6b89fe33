"""What the tasks call: plan, fetch, validate, load, reconcile, publish. No Airflow in here."""
