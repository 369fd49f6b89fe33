"""The alerts that there are: one function each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.alerts.explain import explain

_LONGEST_SUBJECT = 120


@dataclass(frozen=True)
class Place:
    """Where an alert comes from: run and task of Airflow, and addresses of its pages."""

    partition: str = ""
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)


def task_failed(place: Place, error: BaseException | None, *, about: str | None = None) -> Alert:
    """A task, or with `about` one source of it, has failed for good; None stands for a killed process.

    What stops every task alike, an outage for example, is the same alert whichever task meets it.
    """
    explained = explain(error)
    cause = "ProcessDied" if error is None else type(error).__name__
    words = "the process of the task ended without saying why" if error is None else str(error)
    what = f"source {about}" if about else f"{place.dag_id}.{place.task_id}"
    subjects = {"task": what, "message": words[:_LONGEST_SUBJECT], "all": ""}
    return _at(
        place,
        cause=cause,
        subject=subjects[explained.about],
        title=f"{what} failed: {cause}",
        happened=words or cause,
        meaning=explained.meaning,
        action=explained.action,
    )


def bad_rows(place: Place, test: str, said: str, rows_in: str | None, *, warned: bool) -> Alert:
    """A data test of dbt found bad rows, which are kept in the relation `rows_in`."""
    look = f"Look at the rows in {rows_in};" if rows_in else "Open the log;"
    return _at(
        place,
        cause="DataTestWarned" if warned else "DataTestFailed",
        subject=test,
        severity="warning" if warned else "error",
        title=f"data test {test} {'warns' if warned else 'failed'}",
        happened=f"dbt says: {said}",
        meaning=(
            "The test is of severity warn: the run goes on, and the marts are published with these rows."
            if warned
            else "What is built on it waits and nothing was published: readers still see the last "
            "tested marts. The other tests ran to their end."
        ),
        action=(
            f"{look} decide whether they are wrong; the alert comes once a day."
            if warned
            else f"{look} mend the data or the model, then clear this one task with its downstream."
        ),
    )


def model_failed(place: Place, node: str, said: str) -> Alert:
    """A model or seed could not be built, or a source is stale."""
    return _at(
        place,
        cause="DbtNodeFailed",
        subject=node,
        title=f"dbt could not finish {node}",
        happened=f"dbt says: {said}",
        meaning="What is built on it waits and nothing was published: readers still see the last "
        "tested marts.",
        action="Read the compiled SQL (tab Rendered Templates of the task), mend the model, then clear "
        "this one task with its downstream.",
    )


def node_warned(place: Place, node: str, said: str) -> Alert:
    """dbt warns of something that is no data test: a source that is getting old, for example."""
    return _at(
        place,
        cause="DbtNodeWarned",
        subject=node,
        severity="warning",
        title=f"dbt warns of {node}",
        happened=f"dbt says: {said}",
        meaning="The run goes on and its marts are published.",
        action="See why no load has finished lately: the runs of spotify_ingest tell.",
    )


def run_failed(place: Place, reason: str) -> Alert:
    """A DAG run ended red without a task of it having failed."""
    return _at(
        place,
        cause="RunFailed",
        subject=str(place.dag_id),
        title=f"a run of {place.dag_id} failed: {reason}",
        happened=f"Airflow ended the run: {reason}",
        meaning="No task failed by itself: the run took too long, or its tasks wait for each other.",
        action="Open the run; clear what did not run.",
    )


def source_failed(place: Place, source: str, message: str) -> Alert:
    """A source came to its end, and is not right."""
    return _at(
        place,
        cause="SourceFailed",
        subject=f"source {source}",
        title=f"source {source} failed",
        happened=message,
        meaning="The other sources are loaded and passed on; the report says that this one is not.",
        action="Do what the message says, then clear the fetch task of the source's group.",
    )


def sources_partial(place: Place, partial: Mapping[str, str]) -> Alert:
    """Sources closed before their end, most often by a bucket of the Web API that is closed for long."""
    names = sorted(partial)
    reasons = sorted(set(partial.values()))
    return _at(
        place,
        cause="SourcesPartial",
        severity="warning",
        title=f"{len(names)} sources are partial: {_few(names)}",
        happened="; ".join(reasons[:5]),
        meaning="What they have is loaded and published, and the report says so. The next partition goes on "
        "from where they stopped.",
        action="Nothing, where it is rare. If it comes every day: list less, lower "
        "SPOTIFY_PIPELINE_DETAIL_CALLS_DEVELOPMENT, or set SPOTIFY_PIPELINE_CALL_BUDGET.",
    )


def quarantine_grew(place: Place, source: str, quarantined: int, fetched: int, limit: float) -> Alert:
    """More of a source is bad than is usual, and less than fails it."""
    return _at(
        place,
        cause="QuarantineShare",
        subject=source,
        severity="warning",
        title=f"{quarantined / fetched:.1%} of source {source} is in quarantine",
        happened=f"{quarantined} of {fetched} records of source {source} break the contract",
        meaning=f"The good ones are loaded. Above {limit:.0%} (SPOTIFY_PIPELINE_QUARANTINE_SHARE) nothing "
        "of the source would be.",
        action="Read ops.quarantined_record for the reasons. If Spotify's answers changed, mend the "
        "contract; the records can then be replayed.",
    )


def login_ends(user: str, ends_on: date, days_left: int) -> Alert:
    """The login of a user is near its end. It belongs to no partition, so it is told once."""
    return Alert(
        cause="LoginEnds",
        subject=f"{user} {ends_on}",
        severity="warning",
        title=f"the login at Spotify ends on {ends_on}, in {days_left} days",
        happened="Refresh tokens die six months after the consent, however often they are used.",
        meaning=f"From {ends_on} on, playlists, saved tracks and the listening history are not read; plays "
        "of that time are lost for good.",
        action="Run `spotify-pipeline auth login` and replace connection 'spotify_user' by what it prints.",
    )


def plays_lost(place: Place, user: str, start: datetime, end: datetime) -> Alert:
    """Plays between two moments may be gone."""
    return Alert(
        cause="PlayGap",
        subject=f"{user} {start:%Y-%m-%dT%H:%M:%SZ}",
        severity="warning",
        title="plays may be lost",
        happened=f"Between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} UTC there may have been more "
        "plays than the 50 that Spotify keeps.",
        meaning="They cannot be fetched any more; ops.play_gap has the span, and the marts count without it.",
        action="See why spotify_listening did not run in that time, or let it run more often.",
        dag_id=place.dag_id,
        run_id=place.run_id,
        task_id=place.task_id,
        links=place.links,
    )


def deadline_missed(place: Place, deadline: datetime, state: str) -> Alert:
    """A run was not through when it should have been."""
    done = state == "success"
    return _at(
        place,
        cause="DeadlineMissed",
        subject=str(place.dag_id),
        severity="warning" if done else "error",
        title=f"{place.dag_id} missed its deadline",
        happened=f"The run should have ended by {deadline:%Y-%m-%d %H:%M:%S} UTC; it is now: {state}.",
        meaning="It came late, and what follows it with it."
        if done
        else "The report of the day is late: readers still see the last tested marts.",
        action="Nothing, where it is rare; else raise SPOTIFY_PIPELINE_DEADLINE_… or find what is slow."
        if done
        else "Open the run: a red task has an alert of its own; a task that waits for a slot or a closed "
        "bucket (up_for_reschedule) goes on by itself; else look at scheduler and workers "
        "(`spotify-pipeline status` for the embedded stack).",
    )


def _at(place: Place, **texts: object) -> Alert:
    where = {
        "partition": place.partition,
        "dag_id": place.dag_id,
        "run_id": place.run_id,
        "task_id": place.task_id,
        "links": place.links,
    }
    return Alert(**where, **texts)  # type: ignore[arg-type]


def _few(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
