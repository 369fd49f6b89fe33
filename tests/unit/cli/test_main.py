"""Tests the command line as a whole: help, options, completion and exit codes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spotify_pipeline import __version__
from spotify_pipeline.cli import main as cli
from spotify_pipeline.cli import output

runner = CliRunner()


def test_help_lists_every_command() -> None:
    shown = runner.invoke(cli.build(["--help"]), ["--help"])
    assert shown.exit_code == 0
    for name, (_, _, line) in cli.COMMANDS.items():
        assert name in shown.output
        assert line.split()[0] in shown.output


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_exists_and_has_help(name: str) -> None:
    shown = runner.invoke(cli.build([name]), [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert "Usage" in shown.output


def test_the_overall_help_imports_no_command() -> None:
    modules = sorted({module for module, _, _ in cli.COMMANDS.values()})
    script = (
        "import sys; from spotify_pipeline.cli import main as cli\n"
        "try: cli.build(['--help'])(['--help'])\n"
        "except SystemExit: pass\n"
        f"assert not set({modules!r}) & set(sys.modules), sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)  # noqa: S603 - ours


def test_a_missing_package_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(cli.COMMANDS, "up", ("no_such_package.commands", "up", "…"))
    with pytest.raises(SystemExit) as ended:
        cli.build(["up"])
    assert ended.value.code == 1
    assert "'up' needs package 'no_such_package'" in capsys.readouterr().err


def test_a_wrong_command_is_refused() -> None:
    shown = runner.invoke(cli.build(["destroy"]), ["destroy"])
    assert shown.exit_code == 2
    assert "destroy" in shown.output


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_options_of_a_command_are_completed(command: str) -> None:
    """Bash's completion function calls the program with the words typed so far."""
    words = f"spotify-pipeline {command} --js"
    done = subprocess.run(  # noqa: S603 - ours
        [str(Path(sys.executable).parent / "spotify-pipeline")],
        env=os.environ
        | {
            cli.COMPLETION_VARIABLE: "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": "2",
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--json" in done.stdout.split(), done.stderr


def test_quiet_switches_progress_off_and_verbose_shows_logs() -> None:
    level = logging.getLogger("spotify_pipeline").level
    try:
        output.set_verbosity(quiet=True, verbose=False)
        assert output.progress_console.quiet
        assert not output.console.quiet
        output.set_verbosity(quiet=False, verbose=True)
        assert logging.getLogger("spotify_pipeline.stages").isEnabledFor(logging.INFO)
    finally:
        output.set_verbosity(quiet=False, verbose=False)
    assert logging.getLogger("spotify_pipeline").level == level
    assert runner.invoke(cli.build(["-q", "-v", "status"]), ["-q", "-v", "status"]).exit_code == 2


def test_version_and_exit_codes_are_shown() -> None:
    assert (
        runner.invoke(cli.build(["--version"]), ["--version"]).output == f"spotify-pipeline {__version__}\n"
    )
    shown = runner.invoke(cli.build(["--help"]), ["--help"]).output
    assert "Exit status: 0 success" in shown


PROGRAM = str(Path(sys.executable).parent / "spotify-pipeline")


def run_in_shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of bash in which `$0` is the program."""
    return subprocess.run(  # noqa: S603 - ours
        ["/bin/bash", "-c", command, PROGRAM],
        env=os.environ | {"SPOTIFY_PIPELINE_STACK_DIR": "/no/stack"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("$0 contract rules >&-", 0),
        ("$0 sources check >&- 2>&-", 0),
        ("$0 status >&-", 1),
        ("$0 validate - <&-", 1),
    ],
)
def test_closed_streams_give_no_traceback(command: str, status: int) -> None:
    done = run_in_shell(command)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", ["--version", "--help", pytest.param("doctor", marks=pytest.mark.slow), "sources check --json"]
)
def test_a_full_disk_is_reported_by_every_command(command: str) -> None:
    done = run_in_shell(f"$0 {command} >/dev/full")
    assert (done.returncode, done.stderr) == (1, "error: the disk is full: free some space\n")


def test_an_interrupt_of_the_imports_is_reported(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    done = run_in_shell("$0 status", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("columns", ["0", pytest.param("1", marks=pytest.mark.slow)])
def test_a_terminal_without_width_shows_whole_words(columns: str) -> None:
    assert "The stack is not running" in run_in_shell("$0 status", COLUMNS=columns).stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("up --store s3", "choose seaweedfs or minio"),
        ("up --mode x", "choose development or extended"),
        ("demo --mode x", "choose development or extended"),
        ("demo --catalog {folder}", "has no folder named YYYY-MM-DD"),
        ("sandbox --port 99999", "less than or equal to 65535"),
        ("alerts --partition yesterday", "'yesterday' does not match the format"),
        ("doctor --project {folder}/x", "does not exist"),
    ],
)
def test_a_wrong_option_starts_nothing(tmp_path: Path, arguments: str, problem: str) -> None:
    words = arguments.format(folder=tmp_path).split()
    shown = runner.invoke(cli.build(words), words, env={"COLUMNS": "300"})
    assert shown.exit_code == 2
    assert problem in shown.output


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01", "2026-W99"])
def test_a_wrong_date_of_a_report_is_named(when: str) -> None:
    shown = runner.invoke(cli.build(["report"]), ["report", when])
    assert shown.exit_code == 1
    assert f"'{when}' is" in shown.output
