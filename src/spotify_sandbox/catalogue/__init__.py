"""The catalogue half: artists, albums and tracks, generated or read from a folder, and their endpoints."""
