"""The two assets any DAG may listen to."""

from __future__ import annotations

from airflow.sdk import Asset

STAGING = Asset("spotify_staging")
MARTS = Asset("spotify_marts")
