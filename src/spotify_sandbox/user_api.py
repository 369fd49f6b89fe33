"""Serves the endpoints under /v1/me and /v1/playlists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spotify_sandbox.accounts.library import TimeRange
from spotify_sandbox.accounts.playlists import Playlist
from spotify_sandbox.accounts.render import Keys, UserRenderer
from spotify_sandbox.catalogue.render import Mode
from spotify_sandbox.ids import digest, is_id
from spotify_sandbox.responses import ApiError, JsonResponse, Limits, Window, page, whole, window
from spotify_sandbox.sandbox import Sandbox, given, guarded, renderer, require, user_of

Item = TypeVar("Item")

_PAGE = Limits(20, 50)
_OLD_TRACKS = Limits(100, 100)
_BOTH_KEYS_EVERY = 5
_CURSOR_MAX = 1 << 53


class MeApi:
    """Endpoints over the data of the user who is logged in."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Return the routes."""
        handlers = [
            ("/v1/me", self.me, None),
            ("/v1/me/tracks", self.saved_tracks, "user-library-read"),
            ("/v1/me/top/tracks", self.top_tracks, "user-top-read"),
            ("/v1/me/top/artists", self.top_artists, "user-top-read"),
            ("/v1/me/following", self.followed_artists, "user-follow-read"),
            ("/v1/me/player/recently-played", self.recently_played, "user-read-recently-played"),
            ("/v1/me/playlists", self.my_playlists, "playlist-read-private"),
            ("/v1/playlists/{id}", self.playlist, None),
            ("/v1/playlists/{id}/items", self.playlist_items, None),
        ]
        if self._sandbox.mode is Mode.EXTENDED:
            handlers.append(("/v1/playlists/{id}/tracks", self.playlist_tracks, None))
        return [
            Route(path, guarded(self._sandbox, handler, scope), methods=["GET"])
            for path, handler, scope in handlers
        ]

    async def me(self, request: Request) -> Response:
        """GET /me."""
        user = user_of(self._sandbox, request)
        return JsonResponse(self._renderer(request).private_user(user, request.state.grant.scopes))

    async def saved_tracks(self, request: Request) -> Response:
        """GET /me/tracks."""
        user, asked = user_of(self._sandbox, request), window(request.query_params, _PAGE)
        rendering = self._renderer(request)
        saved = self._sandbox.library.saved(user, rendering.now)
        items = [rendering.saved_track(*each) for each in saved[asked.offset : asked.offset + asked.limit]]
        return self._page(request, "/me/tracks", asked, items, len(saved), "market")

    async def top_tracks(self, request: Request) -> Response:
        """GET /me/top/tracks."""
        rendering = self._renderer(request)
        top = self._sandbox.library.top(user_of(self._sandbox, request), _span(request), rendering.now)
        return self._top_page(request, "/me/top/tracks", top, rendering.renderer.track)

    async def top_artists(self, request: Request) -> Response:
        """GET /me/top/artists."""
        rendering = self._renderer(request)
        user = user_of(self._sandbox, request)
        top = self._sandbox.library.top_artists(user, _span(request), rendering.now)
        return self._top_page(request, "/me/top/artists", top, rendering.renderer.artist)

    async def followed_artists(self, request: Request) -> Response:
        """GET /me/following: a page starts after the artist `after`; there is no offset."""
        user, query = user_of(self._sandbox, request), request.query_params
        if query.get("type") != "artist":
            raise ApiError(400, "Invalid type")
        limit = whole(query.get("limit"), _PAGE.default, 1, _PAGE.maximum, "Invalid limit")
        after = query.get("after", "")
        if after and not is_id(after):
            raise ApiError(400, "Invalid after")
        rendering = self._renderer(request)
        followed = self._sandbox.library.followed(user, rendering.now)
        rest = [artist for artist in followed if artist.id > after]
        listed = rest[:limit]
        url = f"{rendering.renderer.base}/me/following"
        last = listed[-1].id if len(rest) > limit else None
        artists = {
            "href": f"{url}?{urlencode(given(request, 'type', 'after', 'limit'))}",
            "items": [rendering.renderer.artist(artist) for artist in listed],
            "limit": limit,
            "next": f"{url}?{urlencode({'type': 'artist', 'after': last, 'limit': limit})}" if last else None,
            "cursors": {"after": last},
            "total": len(followed),
        }
        return JsonResponse({"artists": artists})

    async def recently_played(self, request: Request) -> Response:
        """GET /me/player/recently-played: `after` XOR `before`, in Unix milliseconds; there is no total."""
        user, query = user_of(self._sandbox, request), request.query_params
        limit = whole(query.get("limit"), _PAGE.default, 1, _PAGE.maximum, "Invalid limit")
        if "after" in query and "before" in query:
            raise ApiError(400, "Only one of after and before may be given")
        rendering = self._renderer(request)
        plays = self._sandbox.library.plays(user, rendering.now)
        if "after" in query:
            after = whole(query["after"], 0, 0, _CURSOR_MAX, "Invalid cursor")
            plays = [play for play in plays if play.cursor > after]
        if "before" in query:
            before = whole(query["before"], 0, 0, _CURSOR_MAX, "Invalid cursor")
            plays = [play for play in plays if play.cursor < before]
        listed = plays[:limit]
        mine = [each for each in self._sandbox.playlists.of(user.id) if each.churn.founders]
        items = [rendering.play(play, mine[play.cursor % len(mine)]) for play in listed]
        url = f"{rendering.renderer.base}/me/player/recently-played"
        more = len(plays) > limit
        cursors = {"after": str(listed[0].cursor), "before": str(listed[-1].cursor)} if listed else None
        body = {
            "items": items,
            "next": f"{url}?before={listed[-1].cursor}&limit={limit}" if more else None,
            "cursors": cursors,
            "limit": limit,
            "href": f"{url}?limit={limit}",
        }
        return JsonResponse(body)

    async def my_playlists(self, request: Request) -> Response:
        """GET /me/playlists; collaborative ones only with their own scope."""
        user, asked = user_of(self._sandbox, request), window(request.query_params, _PAGE)
        rendering, playlists = self._renderer(request), self._sandbox.playlists
        mine = [
            playlist
            for playlist in playlists.of(user.id)
            if not playlist.collaborative or "playlist-read-collaborative" in request.state.grant.scopes
        ]
        items = [
            rendering.simplified_playlist(playlist, len(playlists.entries(playlist, rendering.now)))
            for playlist in mine[asked.offset : asked.offset + asked.limit]
        ]
        return self._page(request, "/me/playlists", asked, items, len(mine))

    async def playlist(self, request: Request) -> Response:
        """GET /playlists/{id}: without its entries in development unless the user owns or works on it."""
        playlist = self._playlist(request)
        rendering = self._renderer(request)
        if not self._may_read_items(request, playlist):
            return JsonResponse(rendering.metadata(playlist))
        entries = self._sandbox.playlists.entries(playlist, rendering.now)
        if self._sandbox.mode is Mode.EXTENDED:
            asked, keys = Window(_OLD_TRACKS.default, 0), Keys.OLD
        else:
            asked, keys = Window(_PAGE.maximum, 0), self._keys(playlist, 0)
        return JsonResponse(rendering.playlist(playlist, entries, asked, keys))

    async def playlist_items(self, request: Request) -> Response:
        """GET /playlists/{id}/items: 403 in development unless the user owns or works on it."""
        asked = window(request.query_params, _PAGE)
        return self._entries(request, asked, "items")

    async def playlist_tracks(self, request: Request) -> Response:
        """GET /playlists/{id}/tracks, the old name, for Extended apps."""
        asked = window(request.query_params, _OLD_TRACKS)
        return self._entries(request, asked, "tracks")

    def _entries(self, request: Request, asked: Window, path: str) -> Response:
        playlist = self._playlist(request)
        if self._sandbox.mode is Mode.DEVELOPMENT:
            require(request, "playlist-read-private")
        if not self._may_read_items(request, playlist):
            raise ApiError(403, "Forbidden")
        rendering = self._renderer(request)
        entries = self._sandbox.playlists.entries(playlist, rendering.now)
        keys = Keys.OLD if path == "tracks" else self._keys(playlist, asked.offset)
        extra = given(request, "market", "fields", "additional_types")
        return JsonResponse(rendering.entries_page(playlist, entries, asked, keys, path=path, extra=extra))

    def _keys(self, playlist: Playlist, offset: int) -> Keys:
        """Return the new keys; on every fifth page also the old ones, as in some recorded responses."""
        drawn = digest(55, *playlist.id.encode(), offset, self._sandbox.clock.today().toordinal())
        return Keys.BOTH if drawn % _BOTH_KEYS_EVERY == 0 else Keys.NEW

    def _playlist(self, request: Request) -> Playlist:
        """Return the requested playlist.

        Raises:
            ApiError: 400, 401, or 404, also for a playlist that the user may not see.
        """
        text: str = request.path_params["id"]
        if not is_id(text):
            raise ApiError(400, "Invalid base62 id")
        playlist = self._sandbox.playlists.find(text)
        user_id = request.state.grant.user_id
        if self._sandbox.mode is Mode.DEVELOPMENT:
            user_id = user_of(self._sandbox, request).id
        if playlist is None or not (playlist.public or (user_id and playlist.may_see(user_id))):
            raise ApiError(404, "Resource not found")
        if not playlist.public:
            require(request, "playlist-read-private")
        return playlist

    def _may_read_items(self, request: Request, playlist: Playlist) -> bool:
        user_id = request.state.grant.user_id
        return self._sandbox.mode is Mode.EXTENDED or (
            user_id is not None and playlist.may_read_items(user_id)
        )

    def _renderer(self, request: Request) -> UserRenderer:
        sandbox = self._sandbox
        return UserRenderer(renderer(sandbox, request), sandbox.playlists, sandbox.clock.now())

    def _top_page(
        self, request: Request, path: str, top: list[Item], render: Callable[[Item], dict[str, Any]]
    ) -> Response:
        asked = window(request.query_params, _PAGE)
        items = [render(item) for item in top[asked.offset : asked.offset + asked.limit]]
        return self._page(request, path, asked, items, len(top), "time_range")

    def _page(
        self, request: Request, path: str, asked: Window, items: list[Any], total: int, *names: str
    ) -> Response:
        url = f"{request.url.scheme}://{request.url.netloc}/v1{path}"
        return JsonResponse(page(url, asked, items, total, given(request, *names)))


def _span(request: Request) -> TimeRange:
    """Return the requested range of time.

    Raises:
        ApiError: 400 for another word.
    """
    span = request.query_params.get("time_range", TimeRange.MEDIUM)
    if span not in list(TimeRange):
        raise ApiError(400, "Invalid time range")
    return TimeRange(span)
