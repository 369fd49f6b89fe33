"""Tests that sources which an app or a login cannot read are reported before any call."""

from __future__ import annotations

import pytest

from spotify_pipeline.errors import PermissionDenied
from spotify_pipeline.sources import Source, SourceKind, check_readable
from spotify_pipeline.sources.readable import unreadable, warnings
from spotify_pipeline.spotify.endpoints import AppClass, Scope

ALL = [Source(kind.value, kind, line=number) for number, kind in enumerate(SourceKind, start=3)]


@pytest.mark.parametrize("app_class", AppClass)
def test_a_login_with_every_scope_reads_every_kind(app_class: AppClass) -> None:
    check_readable(ALL, app_class, lambda _: set(Scope))


def test_public_sources_need_no_login() -> None:
    check_readable(
        [source for source in ALL if not source.kind.needs_login], AppClass.DEVELOPMENT, lambda _: None
    )


@pytest.mark.parametrize("source", [source for source in ALL if source.kind.needs_login])
def test_sources_of_a_user_need_a_login(source: Source) -> None:
    with pytest.raises(PermissionDenied) as error:
        check_readable([source], AppClass.DEVELOPMENT, lambda _: None)
    assert str(error.value) == (
        f"source '{source.name}' (line {source.line}, kind {source.kind.value}) belongs to a user, and "
        "no user is logged in: run 'spotify-pipeline auth login', or define connection 'spotify_user'"
    )


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        (SourceKind.PLAYLIST, "playlist-read-private and playlist-read-collaborative"),
        (SourceKind.SAVED_TRACKS, "user-library-read"),
        (SourceKind.TOP_TRACKS, "user-top-read"),
        (SourceKind.TOP_ARTISTS, "user-top-read"),
        (SourceKind.FOLLOWED_ARTISTS, "user-follow-read"),
        (SourceKind.RECENTLY_PLAYED, "user-read-recently-played"),
    ],
)
def test_a_missing_scope_is_named(kind: SourceKind, scope: str) -> None:
    with pytest.raises(
        PermissionDenied, match=f"needs the scope {scope}, which the login of connection 'spotify_user' does"
    ):
        check_readable(
            [Source("mine", kind)], AppClass.EXTENDED, lambda _: set(Scope) - set(kind.scopes or ())
        )


def test_all_unreadable_sources_are_listed_in_order() -> None:
    faults = unreadable(ALL, AppClass.DEVELOPMENT, lambda _: {Scope.TOP})
    assert [fault.split("'")[1] for fault in faults] == [
        "playlist",
        "saved_tracks",
        "followed_artists",
        "recently_played",
    ]
    with pytest.raises(PermissionDenied, match=r"^source 'playlist' .* \(and 3 more sources\)$"):
        check_readable(ALL, AppClass.DEVELOPMENT, lambda _: {Scope.TOP})


def test_sources_that_spotify_may_refuse_have_a_warning() -> None:
    own, users = "37i9dQZF1DXcBWIGoYBM5M", "3cEYpjA9oz9GiPac4AsH4n"
    playlists = Source("lists", SourceKind.PLAYLIST, (own, users), line=4)
    searches = Source("s", SourceKind.SEARCH, queries=("jazz", "x" * 101), types=("track",), line=9)
    first, second = warnings([playlists, searches, Source("a", SourceKind.ARTIST, (own,))])
    assert first.startswith(f"source 'lists' (line 4): {own} seems to be one of Spotify's own playlists")
    assert "has 101 characters; Spotify accepts 250 at most" in second


def test_each_user_s_sources_need_that_user_s_login() -> None:
    library = SourceKind.SAVED_TRACKS
    sources = [Source(f"of-{name}", library, user=name, line=7) for name in ("anna", "ben", "carl")]
    scopes = {"anna": {Scope.LIBRARY}, "ben": {Scope.TOP}}
    assert unreadable(sources, AppClass.DEVELOPMENT, lambda name: scopes.get(str(name))) == [
        "source 'of-ben' (line 7, kind saved_tracks) needs the scope user-library-read, which the login of "
        "connection 'spotify_user_ben' does not have: run 'spotify-pipeline auth login --user ben' again and "
        "allow it",
        "source 'of-carl' (line 7, kind saved_tracks) belongs to user 'carl', who is not logged in: run "
        "'spotify-pipeline auth login --user carl', or define connection 'spotify_user_carl'",
    ]
