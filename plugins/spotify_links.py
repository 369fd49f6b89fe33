"""Buttons on task pages that open what a task wrote; Airflow loads this folder in each of its processes."""

from spotify_pipeline.orchestration.links.operator_links import PipelineLinks

__all__ = ["PipelineLinks"]
