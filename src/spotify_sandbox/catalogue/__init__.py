"""The catalogue of the sandbox: artists, albums and tracks, generated or read from a folder."""
