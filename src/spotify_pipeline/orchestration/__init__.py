"""Connects the stages to Airflow and Cosmos: the only package that imports either."""
