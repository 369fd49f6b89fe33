"""The user half: logins, tokens, and what users have saved, played and put into playlists."""
