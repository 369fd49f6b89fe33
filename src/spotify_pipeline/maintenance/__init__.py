"""Retention by age, erasure of a user, and upkeep of tables."""
