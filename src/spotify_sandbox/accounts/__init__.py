"""Users of the sandbox: logins, tokens, libraries, playlists and plays."""
