"""What a record must look like, which records an answer holds, and what becomes of the others."""

from spotify_pipeline.contract.extract import Found, SetAside, find_records
from spotify_pipeline.contract.validator import SCHEMA_VERSION, Verdict, validate

__all__ = ["SCHEMA_VERSION", "Found", "SetAside", "Verdict", "find_records", "validate"]
