from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from spotify_pipeline import __version__
from spotify_pipeline.cli import main as cli

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


def test_help_of_the_whole_imports_none_of_the_commands() -> None:
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


def test_version_and_exit_codes_are_shown() -> None:
    assert (
        runner.invoke(cli.build(["--version"]), ["--version"]).output == f"spotify-pipeline {__version__}\n"
    )
    shown = runner.invoke(cli.build(["--help"]), ["--help"]).output
    assert "Exit status: 0 success" in shown
