"""Assets that start DAGs, and the alias for the assets of single models."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAlias

STAGING = Asset("spotify_staging")
MARTS = Asset("spotify_marts")
# the same without a partition key, since an event with a key does not start an ordinary DAG
MARTS_PUBLISHED = Asset("spotify_marts_published")
# for catalogues and lineage: one asset for each dbt model, updated when the model's tests have passed
MODELS = AssetAlias("spotify_models")
