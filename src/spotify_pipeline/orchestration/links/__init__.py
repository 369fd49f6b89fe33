"""Links in Airflow's UI, and the pages that they open."""
