"""The stages of the pipeline, without Airflow: plan, fetch, validate, load, reconcile, replay, publish."""
