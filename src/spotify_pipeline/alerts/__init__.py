"""What operators are told when something needs them: values, words, and one telling per cause. No Airflow."""

from spotify_pipeline.alerts.alert import Alert, render

__all__ = ["Alert", "render"]
