"""Checks single situations: a step must refuse, load a part, or continue where another has stopped."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from spotify_pipeline.stages.runtime import Runtime
from tests.faults.attempt import Prepare, attempt
from tests.faults.cell import Moment
from tests.faults.driver import Step, perform
from tests.faults.environment import Environment
from tests.faults.oracle import Finding

Rule = Callable[[Environment, Sequence[Moment], Prepare | None], list[Finding]]
PLAYLIST = "lists"
_MEMBERS = "SELECT playlist_id, observed_on, position, track_id, complete FROM {}"


def closed_bucket(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
) -> list[Finding]:
    """The quota ends between two pages of a playlist: the loaded part must not count as the complete list."""
    steps = [m for m in moments if m.step.source == PLAYLIST][:3]
    environment.freeze_clock(steps[0].step.day)
    environment.restore(steps[0].before)
    control = environment.sandbox.control
    control.exhaust_quota("/v1/playlists/.*offset=", retry_after=2, times=1)
    carried = dict(steps[0].before.carried)
    findings: list[Finding] = []
    for moment in steps:
        done = attempt(environment, moment.step, carried, prepare=prepare)
        carried[moment.step.key] = done.result
        if not done.is_done:
            findings.append(Finding("recovery", str(moment.step), f"{done.ended}: {done.error}"))
    with environment.superuser() as conn:
        whole = conn.execute("SELECT list_id FROM staging.list_reads WHERE complete").fetchall()
    status = carried[steps[-1].step.key]
    if status is None or status["status"] != "partial":
        findings.append(Finding("result", PLAYLIST, f"returns {status}, not partial"))
    findings += [
        Finding("complete", list_id, "a list that was not read to its end", wrong=1) for (list_id,) in whole
    ]
    # when the bucket is open again, the same day continues from there
    control.set_clock(f"{steps[0].step.day.isoformat()}T06:00:05Z", frozen=True)
    for moment in steps:
        done = attempt(environment, moment.step, carried, number=2, prepare=prepare)
        if not done.is_done:
            findings.append(Finding("recovery", str(moment.step), f"{done.ended}: {done.error}"))
    with environment.superuser() as conn:
        schema = steps[-1].after.schema
        tables = (f"{schema}.staging_playlist_membership", "staging.playlist_membership")
        wanted, got = (Counter(conn.execute(_MEMBERS.format(table).encode())) for table in tables)
    lost, wrong = (wanted - got).total(), (got - wanted).total()
    if lost or wrong:
        text = f"{lost} members lost, {wrong} wrong"
        findings.append(Finding("rows", "staging.playlist_membership", text, lost, wrong))
    return findings


def mostly_bad(environment: Environment, moments: Sequence[Moment], prepare: Prepare | None) -> list[Finding]:
    """If no bad record is allowed, a source with one loads nothing and fails with a clear error."""
    moment = next(m for m in moments if str(m.step) == "load band")
    environment.freeze_clock(moment.step.day)
    environment.restore(moment.before)

    def strict(runtime: Runtime, step: Step, carried: Mapping[str, Any]) -> Any:
        settings = runtime.settings.model_copy(update={"quarantine_share": 0.0})
        return perform(replace(runtime, settings=settings), step, carried)

    done = attempt(environment, moment.step, moment.before.carried, prepare=prepare, work=strict)
    if not done.error.startswith("QuarantineShareExceeded"):
        return [Finding("refusal", "load band", f"ended {done.ended} {done.error}", wrong=1)]
    return []


def past_day(environment: Environment, moments: Sequence[Moment], prepare: Prepare | None) -> list[Finding]:
    """A past date without stored responses is refused."""
    moment = moments[0]
    environment.freeze_clock(moments[-1].step.day)
    environment.restore(moment.before)
    done = attempt(environment, moment.step, {}, prepare=prepare)
    if not done.error.startswith("PastPartition"):
        return [Finding("refusal", str(moment.step), f"ended {done.ended} {done.error}", wrong=1)]
    return []


def repaired_record(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
) -> list[Finding]:
    """A quarantined record that passes in a replay is loaded, and its row is marked as resolved, no other."""
    loaded = next(m for m in moments if str(m.step) == "load band")
    environment.freeze_clock(loaded.step.day)
    environment.restore(loaded.after)
    key = _repair_album(environment)
    day = loaded.step.day
    findings: list[Finding] = []
    with environment.superuser() as conn:
        before = conn.execute(_RESOLVED).fetchall()
        done = attempt(environment, Step(day, "quarantine"), {}, prepare=prepare)
        after = conn.execute(_RESOLVED).fetchall()
        tracks = conn.execute("SELECT count(*) FROM staging.tracks WHERE listing_raw_key = %s", [key])
        count = (tracks.fetchone() or (0,))[0]
    if not done.is_done:
        findings.append(Finding("recovery", "quarantine", f"{done.ended}: {done.error}"))
    if before != [(False, 1)] or after != [(True, 1)]:
        text = f"(resolved, rows) were {before}, and are {after} after the repair"
        findings.append(Finding("rows", "ops.quarantined_record", text, wrong=1))
    items = len(json.loads(environment.lake.get(key).data)["tracks"]["items"])
    if count != items:
        findings.append(Finding("rows", "staging.tracks", f"{count} of {items} tracks of the album", lost=1))
    return findings


_RESOLVED = "SELECT resolved_at IS NOT NULL, count(*) FROM ops.quarantined_record GROUP BY 1"


def _repair_album(environment: Environment) -> str:
    """Correct the invalid track in the stored response, and return the key of that response."""
    with environment.superuser() as conn:
        ((found,),) = conn.execute("SELECT raw_key FROM ops.quarantined_record").fetchall()
    key = str(found)
    stored = environment.lake.get(key)
    album = json.loads(stored.data)
    album["tracks"]["items"][0]["explicit"] = False
    data = json.dumps(album).encode()
    environment.lake.put(key, data, metadata=stored.metadata)
    path = f"{key.rpartition('/')[0]}/_manifest.json"
    manifest = json.loads(environment.lake.get(path).data)
    for raw in manifest["objects"]:
        if raw["key"] == key:
            raw |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    environment.lake.put(path, json.dumps(manifest).encode())
    return key


def album_in_two_parts(
    environment: Environment, moments: Sequence[Moment], prepare: Prepare | None
) -> list[Finding]:
    """The quota ends within an album: the next day reads on from there, and not the album again."""
    first = next(m for m in moments if str(m.step) == "fetch band")
    days = [first.step.day, first.step.day + timedelta(days=1)]
    environment.freeze_clock(days[0])
    environment.restore(first.before)
    control = environment.sandbox.control
    album_id, tracks = _cut_an_album(environment, first)
    control.exhaust_quota(f"/v1/albums/{album_id}/tracks", retry_after=3600)
    findings: list[Finding] = []
    for day in days:
        environment.freeze_clock(day)
        control.reset_calls()
        for task in ("fetch", "validate", "load"):
            done = attempt(environment, Step(day, task, "band"), {}, prepare=prepare)
            if not done.is_done:
                findings.append(Finding("recovery", f"{day} {task} band", f"{done.ended}: {done.error}"))
        environment.clear_faults()
    again = [call for call in control.calls().recent if call["path"] == f"/v1/albums/{album_id}"]
    if again:
        findings.append(Finding("calls", album_id, "the album is read again from its beginning"))
    with environment.superuser() as conn:
        row = conn.execute("SELECT count(*) FROM staging.tracks WHERE album_id = %s", [album_id]).fetchone()
    if row != (tracks,):
        text = f"{row} of {tracks} tracks of an album in two parts"
        findings.append(Finding("rows", "staging.tracks", text, lost=1))
    return findings


def _cut_an_album(environment: Environment, fetched: Moment) -> tuple[str, int]:
    """Let an album have its first track only, and a link to the others; return its id and track count."""
    bodies = [
        json.loads(stored.data)
        for key, (_, stored) in fetched.after.objects.items()
        if re.search(r"/source=band/album-[0-9a-f]{32}\.json$", key)
    ]
    valid = [a for a in bodies if all(isinstance(t["explicit"], bool) for t in a["tracks"]["items"])]
    album = max(valid, key=lambda album: len(album["tracks"]["items"]))
    count = len(album["tracks"]["items"])
    album["tracks"]["items"] = album["tracks"]["items"][:1]
    path = f"/albums/{album['id']}"
    album["tracks"]["next"] = f"{environment.sandbox.api_url}{path}/tracks?offset=1&limit=50"
    control = environment.sandbox.control
    control.add_fault("status", status=200, path=f"^/v1{path}$", body=album, times=None)
    return album["id"], count
