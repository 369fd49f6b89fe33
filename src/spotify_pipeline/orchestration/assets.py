"""The assets that DAGs can listen to, and the alias for the assets of single models."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAlias

STAGING = Asset("spotify_staging")
MARTS = Asset("spotify_marts")
# the same without a partition key: Airflow starts no ordinary DAG by an event that has one
MARTS_PUBLISHED = Asset("spotify_marts_published")
# for catalogues and lineage: one asset for each dbt model, updated when the model's tests have passed
MODELS = AssetAlias("spotify_models")
