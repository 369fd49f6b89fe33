from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from spotify_pipeline.cli import main as cli


def test_check_lists_every_mistake_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(
        "version: 1\nsources:\n  - name: one\n    kind: artst\n    ids: []\n"
        "  - name: two\n    kind: search\n    queries: []\n    types: [tracks]\n"
    )
    done = CliRunner().invoke(cli.build(["sources"]), ["sources", "check", str(file)])
    assert done.exit_code == 1
    shown = done.stderr.splitlines()
    assert len(shown) > 2
    assert all(line.startswith(f"error: {file}:") for line in shown)
    assert "more)" not in done.stderr
    for wanted in ("'artst'", "'tracks'"):
        assert any(wanted in line for line in shown)
