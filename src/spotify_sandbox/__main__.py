"""`python -m spotify_sandbox`: start the server from the command line."""

from __future__ import annotations

import typer

from spotify_sandbox.cli import serve

if __name__ == "__main__":
    typer.run(serve)
