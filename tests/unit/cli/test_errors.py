"""One sentence and status 1 for an error of our own; anything else is a bug and looks like one."""

from __future__ import annotations

import pytest
import typer

from spotify_pipeline.cli.errors import report_errors
from spotify_pipeline.errors import BucketMissing


def test_an_error_of_ours_is_one_sentence_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, report_errors():
        raise BucketMissing("bucket 'x' does not exist: create it")
    assert left.value.exit_code == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "error: bucket 'x' does not exist: create it\n")


def test_another_error_keeps_its_stack() -> None:
    with pytest.raises(ZeroDivisionError), report_errors():
        raise ZeroDivisionError
