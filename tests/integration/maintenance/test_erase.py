"""Tests that erase-user leaves only the receipt in a real store and warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import SUSPENDED, VersioningConfig

from spotify_pipeline.errors import ConfigurationError, LeaseLost, UserErased
from spotify_pipeline.lake import keys
from spotify_pipeline.lake.partitions import stored_sources
from spotify_pipeline.lake.weeks import week_page_key
from spotify_pipeline.maintenance.erase import apply_receipts, erase_user
from spotify_pipeline.maintenance.inventory import ZONES
from spotify_pipeline.maintenance.retention import apply_retention
from spotify_pipeline.spotify.login_store import FileLoginStore
from spotify_pipeline.stages.listening import reason_not_read
from spotify_pipeline.stages.plan import plan
from spotify_pipeline.stages.replay import plan_replay, replay_partition
from spotify_pipeline.warehouse.connection import connect
from spotify_pipeline.warehouse.erasures import receipts
from spotify_pipeline.warehouse.merge import Merge
from tests.integration.maintenance.helpers import NEXT_DAY, no_logins, rows_with
from tests.integration.pipeline import DAY, HASH, USER, Pipeline, logged_in
from tests.integration.stages.commands import call

pytestmark = pytest.mark.integration


CATALOGUE = "SELECT record_kind, record_id FROM staging.source_records"


def objects_with(pipeline: Pipeline, text: str) -> list[str]:
    """Return keys of objects that contain a text in their key or bytes, without the receipts."""
    stored = (key for key in pipeline.lake.keys("") if not key.startswith(f"{keys.ERASURES}/"))
    return [k for k in stored if text in k or text.encode() in pipeline.lake.get(k).data]


def test_only_the_receipt_is_left_and_no_data_comes_back(account: Pipeline, migrated_database: str) -> None:
    """Three tables stand for the marts; test_deletions_reach_marts.py builds the real ones."""
    with connect(account.runtime.lookup("warehouse_dbt")) as conn:
        conn.execute("CREATE TABLE marts.plays AS SELECT user_hash, track_id, played_at FROM staging.plays")
        conn.execute(
            "CREATE TABLE dbt_audit.failures AS SELECT playlist_id AS unique_field FROM staging.playlists"
        )
        conn.execute("CREATE TABLE marts.health AS SELECT source, partition, fetched FROM ops.reconciliation")
    account.lake.put(f"{keys.ALERTS}/any/1.json", f'{{"key": ["saved", "user={HASH}"]}}'.encode())
    account.lake.put(f"{keys.ALERTS}/any/2.json", b'{"key": ["first"]}')
    account.lake.put(week_page_key(date(2026, 11, 16), HASH), b"<html>what was played</html>")
    plays = account.query("SELECT to_char(played_at, 'YYYY-MM-DD HH24:MI:SS') FROM staging.plays")
    owned = account.query("SELECT playlist_id FROM staging.playlists")
    catalogue = sorted(account.query(CATALOGUE + " WHERE source = 'first'"))
    assert plays
    assert owned
    assert len(catalogue) > 10
    assert {"staging.plays", "marts.plays", "staging.tracks", "ops.play_cursor"} <= set(
        rows_with(migrated_database, HASH)
    )

    counted = erase_user(account.runtime, HASH, no_logins, dry_run=True)
    assert rows_with(migrated_database, HASH)["staging.plays"] == len(plays)
    receipt = erase_user(account.runtime, HASH, no_logins)

    assert receipt.removed == counted.removed
    assert receipt.removed["staging.plays"] == receipt.removed["marts.plays"] == len(plays)
    assert receipt.removed["raw objects"] > 5
    assert receipt.removed["reports objects"] == receipt.removed["alerts objects"] == 1
    assert account.lake.keys(f"{keys.ALERTS}/") == [f"{keys.ALERTS}/any/2.json"]
    # the counts of the account's records are erased, too
    assert account.query("SELECT DISTINCT source FROM ops.reconciliation") == [("first",)]
    with connect(account.runtime.lookup("warehouse_dbt")) as conn:
        assert conn.execute("SELECT DISTINCT source FROM marts.health").fetchall() == [("first",)]
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}
    assert objects_with(account, HASH) == []
    for value in (*plays[:3], *owned):
        assert rows_with(migrated_database, str(value[0])) == {}
        assert objects_with(account, str(value[0])) == []
    # the catalogue remains, without records that only the account had added
    assert sorted(account.query(CATALOGUE)) == catalogue
    assert account.query(
        "SELECT count(*) FROM staging.tracks LEFT JOIN staging.source_records"
        " ON record_kind = 'track' AND record_id = track_id WHERE record_id IS NULL"
    ) == [(0,)]

    assert erase_user(account.runtime, HASH, no_logins).total == 0
    with connect(account.runtime.lookup("warehouse_owner")) as conn:
        assert [receipt.total > 0 for receipt in receipts(conn)] == [False, True]

    # neither a replay of stored objects nor the old login restores erased data
    before = account.checksums()
    assert stored_sources(account.lake, NEXT_DAY) == ["first"]
    for planned in plan_replay(account.runtime, DAY, NEXT_DAY):
        replay_partition(account.runtime, planned)
    assert account.checksums() == before
    renewed = logged_in(account)
    with pytest.raises(UserErased, match="the data of the user of connection 'spotify_user' was erased on"):
        plan(renewed.runtime, NEXT_DAY)
    assert "was erased on" in str(reason_not_read(renewed.runtime))


def test_every_zone_is_in_the_inventory(account: Pipeline) -> None:
    known = {zone.name for zone in ZONES}
    constants = {value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    files = {
        keys.MANIFEST_NAME,
        keys.SUMMARY_NAME,
        keys.SELECTION_NAME,
        keys.DOCS_PAGE,
        keys.ALERTS_WITHOUT_DATE,
    }
    assert constants - files == known
    assert {key.split("/")[0] for key in account.lake.keys("")} <= known


def test_a_bucket_that_keeps_versions_is_refused(pipeline: Pipeline) -> None:
    assert not pipeline.lake.keeps_versions()
    for status in (ENABLED, SUSPENDED):
        pipeline.lake._client.set_bucket_versioning(
            bucket_name=pipeline.lake.bucket, config=VersioningConfig(status)
        )
        with pytest.raises(ConfigurationError, match="keeps earlier versions of objects"):
            erase_user(pipeline.runtime, HASH, no_logins)
    assert pipeline.query("SELECT count(*) FROM ops.erasure") == [(0,)]


def test_a_running_load_and_a_late_fetch_restore_nothing(
    account: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert account.runtime.user() == HASH, "the load has read the login before the erasure"
    finish = Merge.finish

    def erase_and_finish(merge: Merge) -> object:
        # at this moment the load has read everything and merged nothing
        erase_user(account.runtime, HASH, no_logins)
        return finish(merge)

    monkeypatch.setattr(Merge, "finish", erase_and_finish)
    with pytest.raises((UserErased, LeaseLost)):
        account.load("plays", NEXT_DAY)
    monkeypatch.undo()
    assert account.query("SELECT count(*) FROM staging.plays") == [(0,)]

    account.fetch("saved", NEXT_DAY)  # as a task that had started before the erasure
    account.validate("saved", NEXT_DAY)
    with pytest.raises(UserErased, match="run 'spotify-pipeline erase-user' again"):
        account.load("saved", NEXT_DAY)
    for table in ("saved_tracks", "top_artists", "followed_artists"):
        assert account.query(f"SELECT count(*) FROM staging.{table}") == [(0,)], table
    # the remaining objects are deleted by the next erasure or by the weekly maintenance
    removal = apply_retention(account.runtime, NEXT_DAY, dry_run=True)
    assert removal.removed["raw objects"] > 0
    assert objects_with(account, HASH)
    assert apply_retention(account.runtime, NEXT_DAY).removed == removal.removed
    assert objects_with(account, HASH) == []


def test_an_interrupted_erasure_is_completed_by_the_next_call(
    account: Pipeline, monkeypatch: pytest.MonkeyPatch, migrated_database: str
) -> None:
    for step in ("_erase_rows", "_erase_marts", "finish_erasure"):
        with monkeypatch.context() as patched:

            def interrupt(*_: object, **__: object) -> None:
                raise KeyboardInterrupt

            patched.setattr(f"spotify_pipeline.maintenance.erase.{step}", interrupt)
            with pytest.raises(KeyboardInterrupt):
                erase_user(account.runtime, HASH, no_logins)
        with pytest.raises(UserErased):
            plan(logged_in(account).runtime, NEXT_DAY)
    erase_user(account.runtime, HASH, no_logins)
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 4}
    assert objects_with(account, HASH) == []


@pytest.mark.slow
def test_a_user_who_consents_again_is_loaded_again(account: Pipeline) -> None:
    erase_user(account.runtime, HASH, no_logins)
    with connect(account.runtime.lookup("warehouse_owner")) as conn:
        conn.execute("UPDATE ops.erasure SET erased_at = %s", [datetime(2026, 10, 1, tzinfo=UTC)])
    account = logged_in(account)
    with connect(account.runtime.ingest) as conn:
        conn.execute(
            'INSERT INTO ops."user" (user_hash, connection, scopes) VALUES (%s, %s, %s)',
            [HASH, "spotify_user", ""],
        )
    account.run(NEXT_DAY)
    assert account.query("SELECT count(*) > 0 FROM staging.plays") == [(True,)]


@pytest.mark.slow
def test_the_command_confirms_counts_and_shows_receipts(account: Pipeline, tmp_path: Path) -> None:
    store = FileLoginStore(account.runtime.settings.login_file)
    login = account.runtime.login()
    assert login is not None
    store.write(login.read())
    before = account.checksums()
    done = call("erase-user", account, HASH, typed="n\n")
    assert done.exit_code == 1
    assert (account.checksums(), store.path.exists()) == (before, True)

    done = call("erase-user", account, "--me", "--dry-run")
    assert "Nothing was deleted." in done.stdout
    assert (account.checksums(), store.path.exists()) == (before, True)

    done = call("erase-user", account, "--me", "--yes")
    assert done.exit_code == 0, done.output
    assert f"User {HASH} is erased" in done.stdout
    assert "login files" in done.stdout
    assert not store.path.exists()
    assert USER not in done.stdout
    assert objects_with(account, HASH) == []

    shown = call("erase-user", account, "--receipts").stdout
    assert HASH in shown
    assert "staging.plays" in shown
    assert call("erase-user", account).stderr.startswith("error: name one user")


@pytest.mark.parametrize("user", ["listener1", "0123456789ABCDEF", "../../raw", "%", ""])
def test_a_user_that_is_not_a_hash_is_refused(pipeline: Pipeline, user: str) -> None:
    with pytest.raises(ConfigurationError, match="16 hexadecimal digits"):
        erase_user(pipeline.runtime, user, no_logins)
    assert pipeline.query("SELECT count(*) FROM ops.erasure") == [(0,)]


def test_another_user_s_objects_stay(pipeline: Pipeline) -> None:
    other = keys.source_prefix(keys.RAW, date(2026, 11, 1), "saved", "f" * 16) + "saved_tracks-0.json"
    pipeline.lake.put(other, b"{}")
    erase_user(pipeline.runtime, HASH, no_logins)
    assert [key for key in pipeline.lake.keys("") if not key.startswith("erasures/")] == [other]


def test_erasures_are_applied_again_to_a_restored_warehouse(
    account: Pipeline, migrated_database: str
) -> None:
    erased = erase_user(account.runtime, HASH, no_logins)
    (stored,) = account.lake.keys("erasures/")
    receipt = orjson.loads(account.lake.get(stored).data)
    assert receipt["removed"] == {name: count for name, count in erased.removed.items() if count}
    assert apply_receipts(account.runtime, no_logins) == []

    # a backup from before the erasure: its rows are back, its receipt is gone
    with connect(account.runtime.lookup("warehouse_owner")) as conn:
        conn.execute("DELETE FROM ops.erasure")
        conn.execute(
            "INSERT INTO staging.plays (user_hash, played_at, track_id, observed_at, raw_key, first_seen_on,"
            " load_seq) VALUES (%s, now(), 'x', now(), %s, now(), 1)",
            [HASH, f"raw/ingest_date={DAY}/user={HASH}/source=plays/recently_played-0.json"],
        )
    # an object that was stored after the user consented again
    day = datetime.fromisoformat(receipt["erased_at"]).date() + timedelta(days=1)
    later = keys.source_prefix(keys.RAW, day, "saved", HASH) + "saved_tracks-0.json"
    account.lake.put(later, b"{}")
    (done,) = apply_receipts(account.runtime, no_logins)
    assert done.removed["staging.plays"] == 1
    assert rows_with(migrated_database, HASH) == {"ops.erasure": 1}
    assert account.query("SELECT erased_at FROM ops.erasure") == [
        (datetime.fromisoformat(receipt["erased_at"]),)
    ]
    assert account.lake.keys("raw/ingest_date=" + str(day)) == [later]
    assert apply_receipts(account.runtime, no_logins) == []
