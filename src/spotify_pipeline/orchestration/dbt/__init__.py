"""The dbt project as Airflow tasks: one task for each model, seed and test."""
