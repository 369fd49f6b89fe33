"""Tests that an error of the pipeline is printed as one sentence, and that any other keeps its traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import typer

from spotify_pipeline.cli.errors import report_errors
from spotify_pipeline.errors import BucketMissing


def test_a_pipeline_error_is_one_sentence_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, report_errors():
        raise BucketMissing("bucket 'x' does not exist: create it")
    assert left.value.exit_code == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "error: bucket 'x' does not exist: create it\n")


def test_a_warehouse_without_tables_names_the_migration(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), report_errors():
        raise psycopg.errors.UndefinedTable('relation "ops.alert" does not exist\nLINE 1: …')
    assert capsys.readouterr().err == (
        "error: the warehouse does not have the tables of this release "
        '(relation "ops.alert" does not exist): run `spotify-pipeline warehouse migrate`\n'
    )


def test_another_error_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), report_errors():
        raise ZeroDivisionError


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(typer.Exit), report_errors():
        (tmp_path / "file" / "folder").mkdir()
    assert capsys.readouterr().err == f"error: {tmp_path}/file/folder cannot be used: Not a directory\n"


def test_output_to_a_full_disk_is_one_sentence() -> None:
    command = [str(Path(sys.executable).parent / "spotify-pipeline"), "contract", "rules"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (1, "error: the disk is full: free some space\n")
