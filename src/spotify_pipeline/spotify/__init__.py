"""The source: a polite, thread-safe reader of the Spotify Web API."""
