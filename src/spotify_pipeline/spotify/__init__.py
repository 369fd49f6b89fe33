"""A thread-safe client of the Spotify Web API that keeps its rate limits."""
