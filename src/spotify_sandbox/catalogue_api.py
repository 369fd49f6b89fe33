"""Serves the endpoints under /v1 that read the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spotify_sandbox.catalogue.catalog import ALBUM_GROUPS, DEFAULT_MARKETS, Album, Catalog
from spotify_sandbox.catalogue.render import Mode, Renderer
from spotify_sandbox.catalogue.search import Query, SearchIndex
from spotify_sandbox.ids import is_id
from spotify_sandbox.responses import ApiError, JsonResponse, Limits, page, window
from spotify_sandbox.sandbox import Sandbox, given, guarded, renderer

_ALBUMS = {Mode.DEVELOPMENT: Limits(5, 10), Mode.EXTENDED: Limits(20, 50)}
_SEARCH = {Mode.DEVELOPMENT: Limits(5, 10, 1000), Mode.EXTENDED: Limits(20, 50, 1000)}
_TRACKS = Limits(20, 50)
_NEW_RELEASES = Limits(20, 50)
_SEVERAL_MAX = {"artists": 50, "albums": 20, "tracks": 50}
_TOP_TRACKS = 10
_SEARCH_TYPES = ("album", "artist", "playlist", "track", "show", "episode", "audiobook")


class Api:
    """Endpoints over the catalogue of the current date, with the fields of the class of app."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._index: tuple[Catalog, SearchIndex] | None = None

    def routes(self) -> list[Route]:
        """Return the routes, most specific first."""
        get = {
            "/v1/artists/{id}": self.artist,
            "/v1/artists/{id}/albums": self.artist_albums,
            "/v1/albums/{id}": self.album,
            "/v1/albums/{id}/tracks": self.album_tracks,
            "/v1/tracks/{id}": self.track,
            "/v1/search": self.search,
        }
        # removed for Development Mode in February 2026
        extended = {
            "/v1/artists": self.several_artists,
            "/v1/albums": self.several_albums,
            "/v1/tracks": self.several_tracks,
            "/v1/artists/{id}/top-tracks": self.top_tracks,
            "/v1/browse/new-releases": self.new_releases,
            "/v1/markets": self.markets,
        }
        removed = {"/v1/playlists/{id}/tracks": self.removed}
        opened = self._sandbox.mode is Mode.EXTENDED
        get |= {path: handler if opened else self.removed for path, handler in extended.items()}
        get |= {} if opened else removed
        routes = [
            Route(path, guarded(self._sandbox, handler), methods=["GET"]) for path, handler in get.items()
        ]
        return [
            *routes,
            Route(
                "/v1/{rest:path}",
                guarded(self._sandbox, self.unknown),
                methods=["GET", "POST", "PUT", "DELETE"],
            ),
        ]

    def _renderer(self, request: Request) -> Renderer:
        return renderer(self._sandbox, request)

    async def artist(self, request: Request) -> Response:
        """GET /artists/{id}."""
        rendering = self._renderer(request)
        return JsonResponse(rendering.artist(_found(rendering.catalog.artist(_id(request)))))

    async def artist_albums(self, request: Request) -> Response:
        """GET /artists/{id}/albums."""
        rendering, asked = self._renderer(request), window(request.query_params, _ALBUMS[self._sandbox.mode])
        artist = _found(rendering.catalog.artist(_id(request)))
        asked_groups = request.query_params.get("include_groups")
        groups = [group for group in asked_groups.split(",") if group] if asked_groups else list(ALBUM_GROUPS)
        if not set(groups) <= set(ALBUM_GROUPS):
            raise ApiError(400, "Invalid include_groups")
        listed = [entry for entry in rendering.catalog.artist_albums(artist.id) if entry[0] in groups]
        items = [
            rendering.discography_album(*entry) for entry in listed[asked.offset : asked.offset + asked.limit]
        ]
        extra = given(request, "include_groups", "market")
        return JsonResponse(
            page(f"{rendering.base}/artists/{artist.id}/albums", asked, items, len(listed), extra)
        )

    async def album(self, request: Request) -> Response:
        """GET /albums/{id}."""
        rendering = self._renderer(request)
        return JsonResponse(rendering.album(_found(rendering.catalog.album(_id(request)))))

    async def album_tracks(self, request: Request) -> Response:
        """GET /albums/{id}/tracks."""
        rendering, asked = self._renderer(request), window(request.query_params, _TRACKS)
        return JsonResponse(rendering.album_tracks(_found(rendering.catalog.album(_id(request))), asked))

    async def track(self, request: Request) -> Response:
        """GET /tracks/{id}."""
        rendering = self._renderer(request)
        return JsonResponse(rendering.track(_found(rendering.catalog.track(_id(request)))))

    async def search(self, request: Request) -> Response:
        """GET /search; kinds that the catalogue does not have give empty pages."""
        text = request.query_params.get("q") or request.query_params.get("query") or ""
        kinds = [kind for kind in request.query_params.get("type", "").split(",") if kind]
        if not kinds:
            raise ApiError(400, "Missing parameter type")
        for kind in kinds:
            if kind not in _SEARCH_TYPES:
                raise ApiError(400, f"Bad search type field {kind}")
        query = Query.parse(text)
        asked = window(request.query_params, _SEARCH[self._sandbox.mode])
        rendering = self._renderer(request)
        index = self._search_index(rendering.catalog)
        found: dict[str, tuple[list[Any], Callable[[Any], dict[str, Any]]]] = {}
        if "artist" in kinds:
            found["artist"] = (index.artists(query), rendering.artist)
        if "album" in kinds:
            found["album"] = (index.albums(query), rendering.simplified_album)
        if "track" in kinds:
            found["track"] = (index.tracks(query), rendering.track)
        extra = given(request, "market", "include_external")
        body = {}
        for kind in kinds:
            records, render = found.get(kind, ([], dict))
            items = [render(record) for record in records[asked.offset : asked.offset + asked.limit]]
            # the links of the real service carry `query`, which it accepts in place of `q`
            links = {"query": text, "type": kind, **extra}
            body[f"{kind}s"] = page(f"{rendering.base}/search", asked, items, len(records), links)
        return JsonResponse(body)

    async def several_artists(self, request: Request) -> Response:
        """GET /artists?ids=, null for an unknown id."""
        rendering = self._renderer(request)
        found = [rendering.catalog.artist(each) for each in _ids(request, "artists")]
        return JsonResponse({"artists": [rendering.artist(artist) if artist else None for artist in found]})

    async def several_albums(self, request: Request) -> Response:
        """GET /albums?ids=, null for an unknown id."""
        rendering = self._renderer(request)
        found = [rendering.catalog.album(each) for each in _ids(request, "albums")]
        return JsonResponse({"albums": [rendering.album(album) if album else None for album in found]})

    async def several_tracks(self, request: Request) -> Response:
        """GET /tracks?ids=, null for an unknown id."""
        rendering = self._renderer(request)
        found = [rendering.catalog.track(each) for each in _ids(request, "tracks")]
        return JsonResponse({"tracks": [rendering.track(track) if track else None for track in found]})

    async def top_tracks(self, request: Request) -> Response:
        """GET /artists/{id}/top-tracks: the ten most popular."""
        rendering = self._renderer(request)
        artist = _found(rendering.catalog.artist(_id(request)))
        albums = (album for _, album in rendering.catalog.artist_albums(artist.id))
        tracks = [
            track
            for album in albums
            for track in rendering.catalog.album_tracks(album.id)
            if artist.id in track.artist_ids
        ]
        tracks.sort(key=lambda track: (-(track.popularity or 0), track.id))
        return JsonResponse({"tracks": [rendering.track(track) for track in tracks[:_TOP_TRACKS]]})

    async def new_releases(self, request: Request) -> Response:
        """GET /browse/new-releases: albums of the last two weeks."""
        rendering, asked = self._renderer(request), window(request.query_params, _NEW_RELEASES)
        fresh: list[Album] = self._search_index(rendering.catalog).albums(Query((), (("tag", "new"),)))
        fresh.sort(key=lambda album: (album.release_date, album.id), reverse=True)
        items = [
            rendering.simplified_album(album) for album in fresh[asked.offset : asked.offset + asked.limit]
        ]
        return JsonResponse(
            {"albums": page(f"{rendering.base}/browse/new-releases", asked, items, len(fresh))}
        )

    async def markets(self, request: Request) -> Response:
        """GET /markets."""
        return JsonResponse({"markets": list(DEFAULT_MARKETS)})

    async def removed(self, request: Request) -> Response:
        """Refuse an endpoint that Development Mode no longer has."""
        raise ApiError(403, "Forbidden")

    async def unknown(self, request: Request) -> Response:
        """Refuse a path that the sandbox does not serve."""
        raise ApiError(404, "Service not found")

    def _search_index(self, catalog: Catalog) -> SearchIndex:
        if self._index is None or self._index[0] is not catalog:
            self._index = (catalog, SearchIndex(catalog))
        return self._index[1]


def _found(record: Any) -> Any:
    if record is None:
        raise ApiError(404, "Resource not found")
    return record


def _id(request: Request) -> str:
    text: str = request.path_params["id"]
    if not is_id(text):
        raise ApiError(400, "Invalid base62 id")
    return text


def _ids(request: Request, kind: str) -> list[str]:
    ids = [each for each in request.query_params.get("ids", "").split(",") if each]
    if not ids:
        raise ApiError(400, "Missing required field: ids")
    if len(ids) > _SEVERAL_MAX[kind]:
        raise ApiError(400, "Too many ids requested")
    if not all(is_id(each) for each in ids):
        raise ApiError(400, "Invalid base62 id")
    return ids
