"""Settings without secrets, each from an environment variable `SPOTIFY_PIPELINE_<NAME>`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from spotify_pipeline.buckets import TOTAL, Bucket
from spotify_pipeline.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
# in a dbt project: the folders that dbt writes, the one for Airflow's target, and the digest of its input
DBT_OUTPUT_FOLDERS = frozenset({"target", "logs"})
DBT_BUILD_TARGET = "target/build"
DBT_DIGEST = "target/manifest.sha256"
PREFIX = "SPOTIFY_PIPELINE_"


class Stage(StrEnum):
    """Groups of tasks, each of which can have its own queue, pool and executor."""

    FETCH = "fetch"
    LOAD = "load"
    DBT = "dbt"


# arguments of an Airflow task that select where it runs
PLACES = ("queue", "pool", "executor")


def _login_file() -> Path:
    return (
        Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "spotify-pipeline" / "login.json"
    )


class Settings(BaseSettings):
    """All settings. They are read when a task starts, not while Airflow parses a DAG."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    sources: Path = Field(default=PROJECT_ROOT / "include" / "sources.yml", description="the list of sources")
    fetch_tasks: int = Field(
        default=8, ge=1, le=256, description="greatest number of mapped task groups in a run"
    )
    fetch_concurrency: int = Field(
        default=8, ge=1, le=32, description="concurrent requests within one source"
    )
    quarantine_share: float = Field(
        default=0.05, ge=0, le=1, description="a source fails if its share of invalid records is greater"
    )
    retry_after_wait_max: int = Field(
        default=60,
        ge=0,
        le=600,
        description="longest Retry-After, in seconds, that a task waits for without giving up its slot",
    )
    calls_per_window: int | None = Field(
        default=None,
        ge=0,
        description="calls of all tasks in any 30 s; 0: no limit; unset: 150, or no limit for a sandbox here",
    )
    call_budget: dict[str, int] = Field(
        default_factory=dict,
        description='calls of a run, as JSON: {"total": 5000, "GET /albums/{id}": 2000}; unset: no limit',
    )
    cooldown_wait_max: int = Field(
        default=7200,
        ge=0,
        description="longest cool-down, in seconds, that a task waits for after giving up its slot",
    )
    album_refresh_days: int = Field(
        default=28, ge=2, le=365, description="days after which an unchanged album is fetched again"
    )
    detail_calls_development: int = Field(
        default=100, ge=0, description="calls per day for ISRCs, one per track, in Development Mode"
    )
    detail_calls_extended: int = Field(
        default=2000,
        ge=0,
        description="calls per day for ISRCs and popularity, 50 tracks each, with Extended quota",
    )
    request_timeout: float = Field(default=30.0, gt=0, description="seconds for one request to Spotify")
    max_response_bytes: int = Field(
        default=32 * 2**20, gt=0, description="largest accepted response, in bytes"
    )
    login_file: Path = Field(
        default_factory=_login_file,
        description="file with the login of the command line; the login of user NAME is in …-NAME.json",
    )
    quarantine_warning_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="an alert is sent if the share of invalid records is greater",
    )
    alerts_file: Path | None = Field(
        default=None, description="file to which each alert is written as a line of JSON"
    )
    alerts_email_to: str | None = Field(
        default=None, description="addresses that receive a mail for each alert, separated by commas"
    )
    alerts_smtp_connection: str = Field(
        default="smtp_default", description="connection of the mail server; its from_email is the sender"
    )
    alerts_slack_connection: str | None = Field(
        default=None, description="connection of the Slack webhook that receives each alert"
    )
    deadline_ingest: int = Field(
        default=4 * 3600,
        ge=0,
        description="seconds from the start of a run in which spotify_ingest must end; 0: none",
    )
    deadline_transform: int = Field(
        default=3600,
        ge=0,
        description="the same for spotify_transform",
    )
    deadline_report: int = Field(default=1800, ge=0, description="the same for spotify_report")
    # how long things are kept, counted from the date of their responses: docs/retention.md
    retain_raw_days: int = Field(
        default=90,
        ge=7,
        le=3650,
        description="days that raw responses are kept and can be replayed",
    )
    retain_validated_days: int = Field(
        default=30,
        ge=7,
        le=3650,
        description="days that validated objects are kept; a replay writes them again from raw",
    )
    retain_quarantine_days: int = Field(
        default=90, ge=7, le=3650, description="days that quarantined records are kept, as objects and rows"
    )
    retain_report_days: int = Field(default=365, ge=7, le=3650, description="days that report pages are kept")
    # the longest window of mart_popularity_movers, and the week until retention runs again
    retain_history_days: int = Field(
        default=730,
        ge=28 + 7,
        le=3650,
        description="days that observations, playlists and top lists are kept",
    )
    retain_play_days: int = Field(
        default=730,
        ge=7,
        le=3650,
        description="days that plays, and tracks that are no longer saved, are kept",
    )
    retain_log_days: int = Field(
        default=365, ge=7, le=3650, description="days that rows of ops about past runs are kept"
    )
    spark_master: str | None = Field(
        default=None,
        description="where Spark runs; unset: connection spark_default, or local[*,3]: all cores",
    )
    spark_conf: dict[str, str] = Field(
        default_factory=dict,
        description='Spark\'s own settings, as JSON: {"spark.driver.memory": "4g"}; no secrets',
    )
    spark_span_days: int = Field(
        default=31, ge=1, le=366, description="dates that the Spark engine replays as one job"
    )
    made_up_data: bool = Field(
        default=False, description="whether reports show the banner for made-up data; the demo sets it"
    )
    report_dir: Path | None = Field(default=None, description="folder that also gets a copy of each report")
    dbt_project_dir: Path = Field(
        default=PROJECT_ROOT / "dbt",
        description="the dbt project, with its target/manifest.json",
    )
    dbt_docs_dir: Path | None = Field(
        default=None, description="folder that also gets dbt's documentation, for Airflow's UI to show"
    )
    # where tasks run: docs/deploy.md
    queue_fetch: str | None = Field(default=None, description="Celery queue of the tasks that call Spotify")
    queue_load: str | None = Field(
        default=None, description="the same for tasks that validate, load and replay"
    )
    queue_dbt: str | None = Field(default=None, description="the same for all tasks of spotify_transform")
    pool_fetch: str | None = Field(default=None, description="Airflow pool of the tasks that call Spotify")
    pool_load: str | None = Field(
        default=None, description="the same for tasks that validate, load and replay"
    )
    pool_dbt: str | None = Field(default=None, description="the same for all tasks of spotify_transform")
    executor_fetch: str | None = Field(default=None, description="executor of the tasks that call Spotify")
    executor_load: str | None = Field(
        default=None, description="the same for tasks that validate, load and replay"
    )
    executor_dbt: str | None = Field(default=None, description="the same for all tasks of spotify_transform")

    @field_validator("call_budget")
    @classmethod
    def _known_buckets(cls, value: dict[str, int]) -> dict[str, int]:
        known = {TOTAL, *(bucket.value for bucket in Bucket)}
        for name, calls in value.items():
            if name not in known:
                raise ValueError(f"{name!r} is not a bucket; allowed: {', '.join(sorted(known))}")
            if calls < 0:
                raise ValueError(f"{name!r} is below 0")
        return value

    @model_validator(mode="after")
    def _raw_expires_first(self) -> Self:
        for name in ("retain_history_days", "retain_play_days"):
            if getattr(self, name) < self.retain_raw_days:
                raise ValueError(
                    f"{PREFIX}{name.upper()} is below {PREFIX}RETAIN_RAW_DAYS: a replay of old raw would "
                    "bring deleted data back; raise the first or lower the second"
                )
        return self

    def login_file_of(self, name: str | None) -> Path:
        """Return the file in which the command line keeps the login of a user; None is the unnamed user."""
        path = self.login_file
        return path if name is None else path.with_name(f"{path.stem}-{name}{path.suffix}")

    @classmethod
    def at_parse(cls, name: str) -> int:
        """Read one whole number for a DAG file, which must parse with any environment.

        A value that cannot be used gives the default; `load` refuses it in every task of the run.
        """
        text = os.environ.get(PREFIX + name.upper(), "")
        return int(text) if text.isdecimal() else int(cls.model_fields[name].default)

    @staticmethod
    def placement(stage: Stage) -> dict[str, Any]:
        """Return `queue`, `pool` and `executor` of a stage's tasks, those that are set, for a DAG file."""
        places = {name: os.environ.get(f"{PREFIX}{name}_{stage}".upper()) for name in PLACES}
        return {name: value for name, value in places.items() if value}

    @classmethod
    def dbt_project_at_parse(cls) -> Path:
        """Return the folder of the dbt project, for a DAG file.

        It does not depend on the place of the DAG file: a DAG bundle copies `dags/` to another folder.
        """
        given = os.environ.get(f"{PREFIX}DBT_PROJECT_DIR")
        return Path(given or cls.model_fields["dbt_project_dir"].default).absolute()

    @classmethod
    def load(cls) -> Settings:
        """Read the environment.

        Raises:
            ConfigurationError: A value is out of range or of the wrong type; the message names the variable.
        """
        try:
            return cls()
        except SettingsError as error:
            # not JSON: the message names the field and does not repeat the value
            raise ConfigurationError(f"a setting {PREFIX}… cannot be read: {error}") from None
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"]:  # a rule over two settings, which the message names
                raise ConfigurationError(first["msg"].removeprefix("Value error, ")) from None
            name = PREFIX + str(first["loc"][0]).upper()
            raise ConfigurationError(f"{name}={first['input']!r} cannot be used: {first['msg']}") from None
