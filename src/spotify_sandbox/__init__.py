"""A stand-in for accounts.spotify.com and api.spotify.com/v1: an HTTP server with its own clock."""
