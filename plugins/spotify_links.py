"""Registers the links on task pages; Airflow loads this folder in each of its processes."""

from spotify_pipeline.orchestration.links.operator_links import PipelineLinks

__all__ = ["PipelineLinks"]
