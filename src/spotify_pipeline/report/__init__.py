"""Builds the daily report and the pages of a week: self-contained HTML from the marts."""

from spotify_pipeline.report.build import build_report, publish_report
from spotify_pipeline.report.week import build_week, publish_week

__all__ = ["build_report", "build_week", "publish_report", "publish_week"]
