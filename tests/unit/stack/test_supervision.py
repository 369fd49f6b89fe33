"""Tests the configuration of supervisord."""

from __future__ import annotations

import gc
import threading
import warnings
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

import pytest
from supervisor.options import ServerOptions

from spotify_stack import services
from spotify_stack.paths import StackPaths
from spotify_stack.ports import PortReservation
from spotify_stack.state import StackState, create_or_load
from spotify_stack.supervision import Supervisor, configuration, last_lines


@pytest.fixture
def state(tmp_path: Path) -> StackState:
    with PortReservation() as reservation:
        # percent signs and spaces have a meaning in the configuration
        return create_or_load(StackPaths(tmp_path / "100% of a stack"), reservation)


@pytest.fixture
def config(state: StackState) -> RawConfigParser:
    return configuration(state, services.all_services(state).values())


def test_supervisor_accepts_it_in_a_folder_of_any_name(
    config: RawConfigParser, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    with state.paths.supervisor_config.open("w") as file:
        config.write(file)
    monkeypatch.chdir(state.paths.root)
    options = ServerOptions()
    options.realize(["-c", str(state.paths.supervisor_config)])
    assert {group.name for group in options.process_group_configs} == set(services.ALL)
    logs = {
        process.stdout_logfile for group in options.process_group_configs for process in group.process_configs
    }
    # relative to the stack's folder, in which supervisord runs
    assert logs == {str(state.paths.log(name).relative_to(state.paths.root)) for name in services.ALL}


@pytest.mark.parametrize("name", services.ALL)
def test_a_service_is_restarted_and_stopped_as_a_group(config: RawConfigParser, name: str) -> None:
    section = dict(config[f"program:{name}"])
    assert section["autorestart"] == section["stopasgroup"] == section["killasgroup"] == "true"
    assert section["autostart"] == "false", "the stack starts services in its own order"
    assert 0 < int(section["stopwaitsecs"]) <= 10, "a service that hangs is killed"


def test_it_contains_only_supervisor_s_own_password(config: RawConfigParser, state: StackState) -> None:
    text = "\n".join(value for section in config.sections() for _, value in config.items(section))
    assert [name for name, secret in state.secrets.items() if secret in text] == ["supervisor"]


def test_logs_are_rotated(config: RawConfigParser) -> None:
    for name in services.ALL:
        section = config[f"program:{name}"]
        assert (section["stdout_logfile_maxbytes"], section["stdout_logfile_backups"]) == ("20MB", "2")


def test_the_last_lines_of_a_service_s_log(state: StackState) -> None:
    assert last_lines(state, "sandbox") == "(no log)"
    state.paths.log("sandbox").write_text("one\n\ntwo\nthree\n")
    assert last_lines(state, "sandbox", count=3) == "two | three"


def test_no_connection_to_supervisord_stays_open(state: StackState) -> None:
    """With PYTHONWARNINGS=error, Python would report such a connection at the end of each command."""

    class KeepAlive(SimpleXMLRPCRequestHandler):
        protocol_version = "HTTP/1.1"

    with SimpleXMLRPCServer(("127.0.0.1", 0), KeepAlive, logRequests=False, allow_none=True) as server:
        server.register_function(lambda: {"statename": "RUNNING"}, "supervisor.getState")
        threading.Thread(target=server.handle_request, daemon=True).start()
        port = int(server.server_address[1])
        supervisor = Supervisor(replace(state, ports={**state.ports, "supervisor": port}))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            assert supervisor.is_running()
            del supervisor
            gc.collect()
    assert [str(each.message) for each in found if each.category is ResourceWarning] == []
