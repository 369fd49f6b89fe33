"""Tests that docs/sandbox.md describes exactly what the sandbox has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from starlette.routing import Route

from spotify_sandbox.accounts.authorizations import Rotation
from spotify_sandbox.accounts.library import TimeRange
from spotify_sandbox.accounts.tokens import TokenService
from spotify_sandbox.catalogue.generated import GeneratedSource
from spotify_sandbox.catalogue.render import Mode
from spotify_sandbox.catalogue_api import Api
from spotify_sandbox.cli import serve
from spotify_sandbox.clock import SandboxClock
from spotify_sandbox.control_api import Control, UserControl
from spotify_sandbox.faults import FaultKind
from spotify_sandbox.playback import Links, Miss
from spotify_sandbox.sandbox import Sandbox
from spotify_sandbox.user_api import MeApi

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    clock = SandboxClock()
    tokens = TokenService(clock, "id", "secret")
    return Sandbox(Mode.EXTENDED, clock, GeneratedSource(1, 50), tokens)


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_option_is_described_and_no_other() -> None:
    app = typer.Typer(add_completion=False)
    app.command()(serve)
    options = {
        option
        for parameter in typer.main.get_command(app).params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    table = PAGE.split("| Option |")[1].split("\n\n")[0]
    assert set(re.findall(r"--[a-z][a-z-]+", table)) == options - {"--help"}


@pytest.mark.parametrize("choices", [Mode, Rotation, Links, Miss], ids=lambda choices: str(choices.__name__))
def test_every_choice_of_an_option_is_named(choices: type[Mode | Rotation | Links | Miss]) -> None:
    assert all(f"`{choice}`" in PAGE for choice in choices)


def test_every_control_call_is_described_and_no_other(sandbox: Sandbox) -> None:
    routes = [*Control(sandbox).routes(), *UserControl(sandbox).routes()]
    served = {
        (method, route.path.removeprefix("/_sandbox/"))
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = set(re.findall(r"`(GET|PUT|POST|DELETE) ([a-z]+)[`?]", section("Control")))
    assert described == served


def test_every_endpoint_is_described_and_no_other(sandbox: Sandbox) -> None:
    routes: list[Route] = [*MeApi(sandbox).routes(), *Api(sandbox).routes()]
    served = {route.path.removeprefix("/v1") for route in routes} - {"/{rest:path}"}
    rows = [row.split("|") for row in section("What it serves").splitlines() if row.startswith("| `")]
    assert {path for row in rows for path in re.findall(r"`(/[^`]+)`", row[1])} == served
    assert all(f" {path}`" in section("Logins") for path in ("/authorize", "/api/token"))


def test_every_fault_and_time_range_is_described() -> None:
    assert set(re.findall(r"\| `([a-z_]+)` \|", section("Control"))) == set(FaultKind)
    assert all(span in PAGE for span in TimeRange)
