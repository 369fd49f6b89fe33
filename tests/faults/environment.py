"""A small environment: a database, a bucket and a sandbox, which can be saved and restored quickly."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import yaml

from spotify_pipeline.connections import SPOTIFY_ACCOUNT_KEY, SPOTIFY_USER, ConnectionInfo
from spotify_pipeline.errors import ConnectionMissing
from spotify_pipeline.lake import Lake
from spotify_pipeline.lake.store import StoredObject
from spotify_pipeline.settings import Settings
from spotify_pipeline.spotify.endpoints import Scope
from spotify_pipeline.spotify.login import Login
from spotify_pipeline.spotify.login_store import FileState
from spotify_pipeline.stages.runtime import Attempt, Runtime
from spotify_pipeline.warehouse.migrate import migrate
from spotify_pipeline.warehouse.roles import ROLES, bootstrap
from spotify_sandbox.testing import RunningSandbox, running
from tests.accounts import ACCOUNT_KEY, KEY_CONNECTION, user_hash
from tests.faults.oracle import (
    Finding,
    State,
    capture_objects,
    half_manifests,
    listed,
    query_rows,
    rows_query,
)
from tests.faults.servers import Servers
from tests.integration.report import report_marts

DAY = date(2026, 11, 22)
DAYS = (DAY, DAY + timedelta(days=1))
USER = "listener1"
REFRESH_TOKEN = "refresh-token-of-the-faults-suite"
PASSWORDS = {role: f"{role}-of-tests" for role in ROLES}
INSPECTOR = "inspector of the faults suite"
SOURCES = ("band", "found", "lists")


@dataclass(frozen=True)
class Saved:
    """A saved environment: rows in a schema of their own, objects, and the results of its steps."""

    schema: str
    objects: dict[str, tuple[str, StoredObject]]
    state: State
    carried: dict[str, Any]
    files: dict[Path, str] = field(default_factory=dict)


@dataclass
class Environment:
    """An environment, which this object prepares and inspects; its steps run in child processes."""

    name: str
    servers: Servers
    sandbox: RunningSandbox
    folder: Path
    connections: dict[str, ConnectionInfo] = field(default_factory=dict)
    _token_at_reset: str = REFRESH_TOKEN
    _tables: dict[str, str] = field(default_factory=dict)
    _rows_query: str = ""
    _inspecting: tuple[int, psycopg.Connection] | None = None

    def __post_init__(self) -> None:
        address = urlsplit(self.servers.postgres.url())
        for role in ROLES:
            conn_id = role.replace("spotify", "warehouse")
            self.connections[conn_id] = ConnectionInfo(
                conn_id, "postgres", address.hostname, address.port, role, PASSWORDS[role], self.name
            )
        store = self.servers.store
        self.connections["spotify_lake"] = ConnectionInfo(
            "spotify_lake",
            host="127.0.0.1",
            port=store.port,
            login=store.access_key,
            password=store.secret_key,
            schema=self.name.replace("_", "-"),
        )
        self.connections["spotify_api"] = ConnectionInfo(
            "spotify_api",
            login=self.sandbox.client_id,
            password=self.sandbox.client_secret,
            extra={"api_url": self.sandbox.api_url, "accounts_url": self.sandbox.accounts_url},
        )
        self.connections[SPOTIFY_ACCOUNT_KEY] = KEY_CONNECTION
        self._connect_user(REFRESH_TOKEN)
        self.lake = Lake(self.connections["spotify_lake"])

    @property
    def owner(self) -> ConnectionInfo:
        """The connection of the role that may read everything."""
        return self.connections["warehouse_owner"]

    def _connect_user(self, refresh_token: str) -> None:
        who, key_id = user_hash(USER), ACCOUNT_KEY.key_id
        login = Login(self.sandbox.client_id, refresh_token, who, tuple(Scope), DAY, key_id)
        fields = json.loads(login.to_connection())
        self.connections[SPOTIFY_USER] = ConnectionInfo(
            SPOTIFY_USER, login=fields["login"], password=fields["password"], extra=fields["extra"]
        )

    def log_in_again(self) -> None:
        """Do what a user with a lost login does: authorise the app again, and replace the connection."""
        self._token_at_reset = self.sandbox.control.authorize(USER)
        self._connect_user(self._token_at_reset)

    def stored_token(self) -> str:
        """Return the newest refresh token that the pipeline has stored; at first that of the connection."""
        seed = Login.from_connection(self.connections[SPOTIFY_USER])
        text = FileState(self.folder / f"connection-{seed.user_hash}.json").read()
        known = None if text is None else Login.from_json(text, "the stored login")
        return seed.refresh_token if known is None or known.seed != seed.seed else known.refresh_token

    def has_lost_login(self) -> bool:
        """Return whether Spotify has replaced the refresh token and the pipeline still has the old one.

        The sandbox replaces it at each refresh.
        """
        newest = self.sandbox.control.authorizations()[-1]
        return newest["refreshes"] > 0 and self.stored_token() == self._token_at_reset

    def lookup(self, conn_id: str) -> ConnectionInfo:
        if conn_id not in self.connections:
            raise ConnectionMissing(f"connection '{conn_id}' is not defined")
        return self.connections[conn_id]

    @cached_property
    def settings(self) -> Settings:
        """The settings of all attempts, which send one request at a time, so that calls have numbers."""
        return Settings(
            sources=self.folder / "sources.yml",
            login_file=self.folder / "login.json",
            fetch_concurrency=1,
            detail_calls_development=4,
            quarantine_share=0.2,
        )

    def runtime(self, try_number: int = 1, run_id: str = "faults") -> Runtime:
        """Return the runtime of one attempt."""
        return Runtime(settings=self.settings, lookup=self.lookup, attempt=Attempt(run_id, try_number))

    def create(self) -> None:
        """Create the database, the bucket and sources.yml."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.administrator() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)".encode())
        bootstrap(self.servers.postgres.url(), PASSWORDS, database=self.name)
        migrate(self.owner)
        self._create_marts()
        self.lake.create_bucket()
        self.restore_objects({})
        self.authorize_stored()
        self.write_sources()

    def _create_marts(self) -> None:
        """Create the tables that the report reads, in both schemas that trade names, with an artist."""
        with self.superuser() as conn:
            conn.execute("SET ROLE spotify_dbt")
            report_marts.create(conn)
            report_marts.add_artist(conn, "a" * 22, "An artist", DAY)
            for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'marts'"):
                conn.execute(f"CREATE TABLE marts_build.{name} AS TABLE marts.{name}".encode())

    def write_sources(self) -> None:
        """Write one small source of each kind, the same in every environment of a seed."""
        playlists = [p for p in self.sandbox.control.playlists() if p["owner"] == USER]
        playlist = max(playlists, key=lambda p: p["entries"])  # of several pages
        token = {"Authorization": f"Bearer {self.sandbox.access_token()}"}
        with httpx.Client(base_url=self.sandbox.api_url, headers=token) as api:
            artist, query, album = self._choose(api)
            self._add_invalid_track(api, album)
        entries = [
            {"name": "band", "kind": "artist", "ids": [artist]},
            {"name": "found", "kind": "search", "queries": [query]},
            {"name": "lists", "kind": "playlist", "ids": [playlist["id"]]},
        ]
        text = yaml.safe_dump({"version": 1, "sources": entries})
        (self.folder / "sources.yml").write_text(text)

    def _choose(self, api: httpx.Client) -> tuple[str, str, str]:
        """Return the artist with the fewest albums (two or more), a query for another one, and an album."""
        found = []
        for artist_id, name in self.sandbox.control.catalog().artists:
            listing = api.get(f"/artists/{artist_id}/albums", params={"limit": 10}).json()
            if listing["total"] >= 2:
                found.append((listing["total"], artist_id, name, listing["items"][0]["id"]))
        (_, artist_id, _, album), (_, _, other, _), *_ = sorted(found)
        return artist_id, f"artist:{other}", album

    def _add_invalid_track(self, api: httpx.Client, album_id: str) -> None:
        """Make one track of this album violate the contract from now on."""
        album = api.get(f"/albums/{album_id}").json()
        album["tracks"]["items"][0]["explicit"] = "no"
        self.sandbox.control.add_fault(
            "status", status=200, path=f"^/v1/albums/{album_id}$", body=album, times=None
        )

    def clear_faults(self) -> None:
        """Remove all faults of the sandbox except the invalid track, which is the first."""
        invalid, *_ = self.sandbox.control.faults()
        self.sandbox.control.clear_faults()
        counters = {"matched", "applied"}
        self.sandbox.control.add_fault(**{k: v for k, v in invalid.items() if k not in counters})

    def freeze_clock(self, day: date) -> None:
        """Stop Spotify's clock at 06:00 of `day`."""
        self.sandbox.control.set_clock(f"{day.isoformat()}T06:00:00Z", frozen=True)

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection]:
        """Yield a superuser's connection to this environment's database."""
        with psycopg.connect(self.servers.postgres.url(self.name), autocommit=True) as conn:
            yield conn

    @contextmanager
    def administrator(self) -> Iterator[psycopg.Connection]:
        """Yield a superuser's connection to a database of no environment."""
        with psycopg.connect(self.servers.postgres.url(), autocommit=True) as conn:
            yield conn

    def state(self) -> State:
        """Return the current rows and objects, with Spotify's times, because its clock is stopped."""
        return self.inspect()[0]

    def inspect(self) -> tuple[State, list[Finding]]:
        """Return the state, and findings about incomplete manifests."""
        conn = self.inspector()
        if not self._rows_query:
            self._rows_query = rows_query(conn, exact=True)
        tags = listed(self.lake, "")
        state = State(query_rows(conn, self._rows_query), capture_objects(self.lake, tags, exact=True))
        return state, half_manifests(self.lake, tags)

    def inspector(self) -> psycopg.Connection:
        """Return this process's connection for inspection, which stays open."""
        if self._inspecting is None or self._inspecting[0] != os.getpid():
            url = self.servers.postgres.url(self.name)
            self._inspecting = (
                os.getpid(),
                psycopg.connect(url, autocommit=True, application_name=INSPECTOR),
            )
        return self._inspecting[1]

    def reconnect(self) -> None:
        """Close the connection for inspection, which a killed server has broken."""
        if self._inspecting is not None:
            self._inspecting[1].close()
            self._inspecting = None

    def save(self, label: str, carried: dict[str, Any], *, rows_of: Saved | None = None) -> Saved:
        """Save the rows in schema `saved_LABEL` and the objects in memory.

        `rows_of` is an earlier state since which no row has changed.
        """
        schema = f"saved_{label}" if rows_of is None else rows_of.schema
        if rows_of is None:
            conn = self.inspector()
            copies = [f"CREATE TABLE {schema}.{_flat(t)} AS TABLE {t}" for t in self.tables(conn)]
            drawn = f"CREATE TABLE {schema}.load_seq AS SELECT last_value, is_called FROM ops.load_seq_seq"
            conn.execute("; ".join([f"CREATE SCHEMA {schema}", *copies, drawn]).encode())
        objects = {key: (tag, self.lake.get(key)) for key, tag in listed(self.lake, "").items()}
        files = {path: path.read_text() for path in self.folder.glob("*.json")}
        return Saved(schema, objects, self.state(), dict(carried), files)

    def restore(self, saved: Saved, *, rows: bool = True) -> None:
        """Restore a saved state; without `rows` the warehouse keeps its current rows."""
        if rows:
            conn = self.inspector()
            self._disconnect(conn)
            statements = ["SET LOCAL session_replication_role = replica"]
            for table, columns in self.tables(conn).items():
                copy = f"SELECT {columns} FROM {saved.schema}.{_flat(table)}"
                statements += [
                    f"DELETE FROM {table}",
                    f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE {copy}",
                ]
            drawn = f"SELECT setval('ops.load_seq_seq', last_value, is_called) FROM {saved.schema}.load_seq"
            conn.execute("; ".join(["BEGIN", *statements, drawn, "COMMIT"]).encode())
        self.restore_objects(saved.objects)
        for path in self.folder.glob("*.json"):
            path.unlink()
        for path, text in saved.files.items():
            FileState(self.folder / path.name).write(text)  # a login that was refreshed
        self._connect_user(REFRESH_TOKEN)
        self.authorize_stored()

    def authorize_stored(self) -> None:
        """Make Spotify accept the stored refresh token again, and no other one of the user."""
        control, self._token_at_reset = self.sandbox.control, self.stored_token()
        # this replaces the login of the stored access token, which therefore is not revoked with the others
        control.authorize(USER, refresh_token=self._token_at_reset)
        control.revoke_authorizations(USER)
        control.authorize(USER, refresh_token=self._token_at_reset)

    def age_leases(self) -> None:
        """Make all loads and replays two days older, since retention leaves partitions of the last day."""
        self.inspector().execute("UPDATE ops.step_lease SET acquired_at = acquired_at - interval '2 days'")

    def tables(self, conn: psycopg.Connection) -> dict[str, str]:
        """Return the columns of each table in staging and ops, without those that Postgres computes.

        Names of tables have their schema. The version of the migrations is left out.
        """
        if not self._tables:
            self._tables = dict(
                conn.execute(
                    """
                    SELECT n.nspname || '.' || c.relname,
                        string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
                        JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname IN ('staging', 'ops') AND c.relkind = 'r'
                        AND c.relname <> 'alembic_version' AND a.attnum > 0
                        AND NOT a.attisdropped AND a.attgenerated = ''
                    GROUP BY 1 ORDER BY 1
                    """
                ).fetchall()
            )
        return self._tables

    def restore_objects(self, objects: dict[str, tuple[str, StoredObject]]) -> None:
        """Make the bucket contain exactly these objects."""
        existing = listed(self.lake, "")
        if surplus := sorted(existing.keys() - objects.keys()):
            self.lake.delete_all(surplus)
        for key, (tag, stored) in objects.items():
            if existing.get(key) != tag:
                self.lake.put(key, stored.data, metadata=stored.metadata)

    def _disconnect(self, conn: psycopg.Connection, name: str = "") -> None:
        conn.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid() AND application_name <> %s",
            [name or self.name, INSPECTOR],
        )


def _flat(table: str) -> str:
    return table.replace(".", "_")


@contextmanager
def environments(
    servers: Servers, folder: Path, count: int, *, name: str = "w", seed: int = 1
) -> Iterator[list[Environment]]:
    """Yield equal new environments, each with its own sandbox."""
    with ExitStack() as stack:
        made = []
        for number in range(count):
            sandbox = stack.enter_context(running(size=60, seed=seed, arguments=["--rotation", "always"]))
            environment = Environment(f"{name}_{number}", servers, sandbox, folder / f"{name}_{number}")
            environment.freeze_clock(DAY)
            environment.create()
            made.append(environment)
        yield made
