"""The command `spotify-pipeline`: one module for each command or group of commands."""
