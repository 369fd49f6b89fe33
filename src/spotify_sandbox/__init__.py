"""A stand-in for accounts.spotify.com and api.spotify.com/v1: a real HTTP server with a clock of its own."""
