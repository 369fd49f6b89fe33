"""Links in Airflow's UI, and the pages behind them."""
