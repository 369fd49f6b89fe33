"""The daily report: one self-contained HTML page per partition, read from the marts."""

from spotify_pipeline.report.build import build_report, publish_report

__all__ = ["build_report", "publish_report"]
