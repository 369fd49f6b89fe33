"""A daily Spotify catalogue pipeline; everything here but `orchestration` works without Airflow."""

__version__ = "0.1.0"
