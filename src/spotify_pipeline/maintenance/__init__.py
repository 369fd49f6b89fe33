"""Removes old data, erases users, and vacuums tables."""
