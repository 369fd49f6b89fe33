"""Alembic's environment; `spotify_pipeline.warehouse.migrate` runs it."""
