"""The contract: finds the records and list entries of responses, and validates them."""

from spotify_pipeline.contract.extract import Found, SetAside, find_records
from spotify_pipeline.contract.validator import SCHEMA_VERSION, ValidationResult, validate

__all__ = ["SCHEMA_VERSION", "Found", "SetAside", "ValidationResult", "find_records", "validate"]
