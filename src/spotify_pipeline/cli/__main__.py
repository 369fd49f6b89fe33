"""The entry point of `spotify-pipeline`: opens closed streams, and reports an interrupt of the imports."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line."""
    open_closed_streams()
    try:
        # imported here, because the imports take long enough to be interrupted
        from spotify_pipeline.cli.main import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def open_closed_streams() -> None:
    """Open the standard streams that the caller has closed, so that no other file takes their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
