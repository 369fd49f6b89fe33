"""Names of datasets and origins of columns: no Airflow in here."""
