"""Writes the output of a demo, read from standard input, into README.md: `make readme-demo`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from spotify_pipeline.errors import PipelineError
from spotify_pipeline.settings import PROJECT_ROOT

README = PROJECT_ROOT / "README.md"
BLOCK = re.compile(r"(?<=<!-- written by `make readme-demo` -->\n```\n).*?(?=```\n)", re.DOTALL)
# none with rows of the listener: the account key of each installation makes other hashes
SHOWN_TABLES = (
    "marts.dim_album",
    "marts.dim_artist",
    "marts.dim_track",
    "marts.fct_catalogue_daily",
    "marts.fct_track_daily",
    "staging.tracks",
)
# where `make readme-demo` runs the demo, and where `make demo` does
_USUAL_PATHS = {"build/readme/stack": "build/stack", "build/readme": "build/demo"}
_TABLE = re.compile(r"(?:marts|staging|ops)\.\w+")
_LAST_LINE = "make down stops it"


def shortened(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, with `…` for tables that are not shown."""
    left_out = False
    for line in lines:
        table = _TABLE.match(line)
        if table and table[0] not in SHOWN_TABLES:
            left_out = True
            continue
        if left_out:
            yield "…"
            left_out = False
        yield line.rstrip()


def block(output: str) -> str:
    """Return the text of the block: relative paths, and a selection of the tables.

    Raises:
        PipelineError: the demo did not end.
    """
    if _LAST_LINE not in output:
        raise PipelineError(f"the demo did not end: {output[-2000:]}")
    output = output.replace(f"{Path(sys.executable).parent}/", ".venv/bin/").replace(f"{PROJECT_ROOT}/", "")
    for path, usual in _USUAL_PATHS.items():
        output = output.replace(path, usual)
    return "\n".join(shortened(output.splitlines())) + "\n"


def main() -> None:
    """Replace the block in README.md."""
    text = block(sys.stdin.read())
    README.write_text(BLOCK.sub(lambda _: text, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
