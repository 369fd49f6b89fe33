"""The alerts that the pipeline can send, one function each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from spotify_pipeline.alerts.alert import Alert
from spotify_pipeline.alerts.explain import explain
from spotify_pipeline.connections import login_command

_LONGEST_SUBJECT = 120


@dataclass(frozen=True)
class Origin:
    """Run and task of Airflow that an alert comes from, and links to their pages."""

    partition: str = ""
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)


def task_failed(origin: Origin, error: BaseException | None, *, about: str | None = None) -> Alert:
    """Alert that a task, or with `about` one of its sources, failed for good; `error` None: it was killed.

    An error that stops every task, such as an outage, gives the same alert in each of them.
    """
    explained = explain(error)
    cause = "ProcessDied" if error is None else type(error).__name__
    words = "the process of the task ended without an error" if error is None else str(error)
    what = f"source {about}" if about else f"{origin.dag_id}.{origin.task_id}"
    subjects = {"task": what, "message": words[:_LONGEST_SUBJECT], "all": ""}
    return _alert(
        origin,
        cause=cause,
        subject=subjects[explained.about],
        title=f"{what} failed: {cause}",
        happened=words or cause,
        meaning=explained.meaning,
        action=explained.action,
    )


def bad_rows(origin: Origin, test: str, said: str, rows_in: str | None, *, warned: bool) -> Alert:
    """Alert that a data test of dbt found bad rows, which are stored in the relation `rows_in`."""
    look = f"Look at the rows in {rows_in};" if rows_in else "Open the log;"
    return _alert(
        origin,
        cause="DataTestWarned" if warned else "DataTestFailed",
        subject=test,
        severity="warning" if warned else "error",
        title=f"data test {test} {'warns' if warned else 'failed'}",
        happened=f"dbt says: {said}",
        meaning=(
            "The test has severity warn: the run continues, and the marts are published with these rows."
            if warned
            else "Nothing was published, and readers still see the last tested marts. Models that depend on "
            "this test wait; the other tests ran to their end."
        ),
        action=(
            f"{look} decide whether they are wrong. The alert comes once a day."
            if warned
            else f"{look} fix the data or the model. Then clear this one task with its downstream."
        ),
    )


def model_failed(origin: Origin, node: str, said: str) -> Alert:
    """Alert that a model or seed could not be built, or a source is stale."""
    return _alert(
        origin,
        cause="DbtNodeFailed",
        subject=node,
        title=f"dbt could not finish {node}",
        happened=f"dbt says: {said}",
        meaning="Nothing was published, and readers still see the last tested marts. Models that depend on "
        "this one wait.",
        action="Read the compiled SQL (tab Rendered Templates of the task) and fix the model. Then clear "
        "this one task with its downstream.",
    )


def node_warned(origin: Origin, node: str, said: str) -> Alert:
    """Alert that dbt warns of a node that is not a data test, for example of a stale source."""
    return _alert(
        origin,
        cause="DbtNodeWarned",
        subject=node,
        severity="warning",
        title=f"dbt warns of {node}",
        happened=f"dbt says: {said}",
        meaning="The run continues, and its marts are published.",
        action="Find out why no load has finished lately: look at the runs of spotify_ingest.",
    )


def run_failed(origin: Origin, reason: str) -> Alert:
    """Alert that a DAG run failed without a failed task."""
    return _alert(
        origin,
        cause="RunFailed",
        subject=str(origin.dag_id),
        title=f"a run of {origin.dag_id} failed: {reason}",
        happened=f"Airflow ended the run: {reason}",
        meaning="No task failed by itself: the run took too long, or its tasks wait for each other.",
        action="Open the run, and clear the tasks that did not run.",
    )


def source_failed(origin: Origin, source: str, message: str) -> Alert:
    """Alert that a source failed."""
    return _alert(
        origin,
        cause="SourceFailed",
        subject=f"source {source}",
        title=f"source {source} failed",
        happened=message,
        meaning="The other sources are loaded and reach the marts; the report names this one as failed.",
        action="Do what the message says, then clear the fetch task of the source's group.",
    )


def sources_partial(origin: Origin, partial: Mapping[str, str]) -> Alert:
    """Alert that sources are partial, mostly because a bucket of the Web API is closed for a long time."""
    names = sorted(partial)
    reasons = sorted(set(partial.values()))
    return _alert(
        origin,
        cause="SourcesPartial",
        severity="warning",
        title=f"{len(names)} sources are partial: {_few(names)}",
        happened="; ".join(reasons[:5]),
        meaning="Their stored responses are loaded and published; the report has a banner. The next "
        "partition continues from there.",
        action="If it is rare, do nothing. If it comes every day, list less, lower "
        "SPOTIFY_PIPELINE_DETAIL_CALLS_DEVELOPMENT, or set SPOTIFY_PIPELINE_CALL_BUDGET.",
    )


def quarantine_grew(origin: Origin, source: str, quarantined: int, fetched: int, limit: float) -> Alert:
    """Alert that the share of bad records of a source is high, but too low to fail the source."""
    return _alert(
        origin,
        cause="QuarantineShare",
        subject=source,
        severity="warning",
        title=f"{quarantined / fetched:.1%} of source {source} is in quarantine",
        happened=f"{quarantined} of {fetched} records of source {source} break the contract",
        meaning=f"The valid records are loaded. Above {limit:.0%} (SPOTIFY_PIPELINE_QUARANTINE_SHARE) "
        "nothing of the source would be loaded.",
        action="Read ops.quarantined_record for the reasons. If Spotify's responses changed, fix the "
        "contract; the records can then be replayed.",
    )


def login_ends(connection: str, ends_on: date, days_left: int) -> Alert:
    """Alert that the login of a connection ends soon; without a partition, so that it is sent once."""
    return Alert(
        cause="LoginEnds",
        subject=f"{connection} {ends_on}",
        severity="warning",
        title=f"the login of connection {connection} ends on {ends_on}, in {days_left} days",
        happened="A login ends six months after the consent, even if it is used.",
        meaning=f"From {ends_on} on, playlists, saved tracks and the listening history are not read; plays "
        "of that time are lost.",
        action=f"Run `{login_command(connection)}`, and replace connection '{connection}' by what "
        "`spotify-pipeline auth connection` prints.",
    )


def plays_lost(origin: Origin, noticed_on: date, connection: str) -> Alert:
    """Alert that plays of a listener's connection may be lost; ops.play_gap has the times."""
    return _alert(
        replace(origin, partition=""),
        cause="PlayGap",
        subject=f"{connection}, noticed on {noticed_on}",
        severity="warning",
        title="plays may be lost",
        happened=f"On {noticed_on} the listening history of connection '{connection}' did not reach back to "
        "the last known play: there may have been more plays than the 50 that Spotify keeps.",
        meaning="They can no longer be fetched. ops.play_gap has the span; the marts do not count them.",
        action="Find out why spotify_listening did not run in that time, or let it run more often.",
    )


def deadline_missed(origin: Origin, deadline: datetime, state: str) -> Alert:
    """Alert that a run did not end by its deadline."""
    done = state == "success"
    return _alert(
        origin,
        cause="DeadlineMissed",
        subject=str(origin.dag_id),
        severity="warning" if done else "error",
        title=f"{origin.dag_id} missed its deadline",
        happened=f"The run should have ended by {deadline:%Y-%m-%d %H:%M:%S} UTC; its state is now: {state}.",
        meaning="The run ended late, so the runs that follow it end late too."
        if done
        else "The report of the day is late: readers still see the last tested marts.",
        action="If it is rare, do nothing. Otherwise find what is slow, or raise SPOTIFY_PIPELINE_DEADLINE_…."
        if done
        else "Open the run. A red task has its own alert. A task that waits for a slot or a closed bucket "
        "(up_for_reschedule) continues by itself. Otherwise look at scheduler and workers "
        "(`spotify-pipeline status` for the embedded stack).",
    )


def _alert(origin: Origin, **texts: object) -> Alert:
    where = {
        "partition": origin.partition,
        "dag_id": origin.dag_id,
        "run_id": origin.run_id,
        "task_id": origin.task_id,
        "links": origin.links,
    }
    return Alert(**where, **texts)  # type: ignore[arg-type]


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
