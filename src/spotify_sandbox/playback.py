"""Serves recorded responses by request path and query; docs/sandbox.md describes the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from spotify_sandbox.responses import ApiError

INDEX = "index.json"
_SPOTIFY = b"https://api.spotify.com/v1"
_KEYS = {"method", "path", "query", "status", "headers", "file"}


class PlaybackError(Exception):
    """A folder of recorded responses cannot be served; the message names file and entry."""


class Links(StrEnum):
    """Treatment of `href` and `next` in recorded bodies."""

    REWRITE = "rewrite"  # to the address of the sandbox, so that a client can follow them
    KEEP = "keep"  # as recorded


class Miss(StrEnum):
    """Response to a request without a recording."""

    CATALOG = "catalog"  # from the catalogue
    NOT_FOUND = "404"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded response.

    Attributes:
        method: HTTP method.
        path: Segments; those in braces match any segment.
        query: Parameters that must be equal; others may have any value.
        file: File with the body.
        status: HTTP status.
        headers: Headers of the response.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    file: Path
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def matches(self, method: str, path: str, query: Mapping[str, str]) -> bool:
        """Return whether it is the response to this request."""
        asked = _segments(path)
        return (
            method == self.method
            and len(asked) == len(self.path)
            and all(_is_any(own) or own == other for own, other in zip(self.path, asked, strict=True))
            and all(query.get(key) == value for key, value in self.query.items())
        )

    @property
    def precision(self) -> tuple[int, int]:
        """Sort key: the match with most parameters, then with fewest braces, is served."""
        return len(self.query), -sum(_is_any(segment) for segment in self.path)


class Playback:
    """A folder of recorded responses: listed in index.json, or files named like the request paths."""

    def __init__(self, folder: Path, links: Links = Links.REWRITE, miss: Miss = Miss.CATALOG) -> None:
        """Raises PlaybackError when the folder or its index cannot be served."""
        if not folder.is_dir():
            raise PlaybackError(f"{folder}: no such folder; --playback takes a folder of recorded responses")
        self._folder = folder
        self._links = links
        self._miss = miss
        index = folder / INDEX
        listed = _read_index(index) if index.is_file() else _read_tree(folder)
        self.recordings = sorted(listed, key=lambda recording: recording.precision, reverse=True)
        if not self.recordings:
            raise PlaybackError(f"{folder}: no {INDEX}, and no file named like /v1/artists/ID.json")

    def respond(self, request: Request) -> Response | None:
        """Return the recorded response, or None if the catalogue has the response.

        Raises:
            ApiError: 404 without a recording, with `Miss.NOT_FOUND`.
        """
        path, query = request.url.path, dict(request.query_params)
        for recording in self.recordings:
            if recording.matches(request.method, path, query):
                return self._response(recording, request)
        if self._miss is Miss.NOT_FOUND:
            raise ApiError(404, "No recorded response for this request")
        return None

    def _response(self, recording: Recording, request: Request) -> Response:
        body = recording.file.read_bytes()
        if self._links is Links.REWRITE:
            body = body.replace(_SPOTIFY, f"{request.url.scheme}://{request.url.netloc}/v1".encode())
        headers = {"content-type": "application/json; charset=utf-8"}
        headers |= {key.lower(): value for key, value in recording.headers.items()}
        for name in ("content-length", "content-encoding", "transfer-encoding", "date"):
            headers.pop(name, None)  # of the recording, wrong for this response
        return Response(body, recording.status, headers)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def _is_any(segment: str) -> bool:
    return segment.startswith("{") and segment.endswith("}")


def _read_index(index: Path) -> list[Recording]:
    try:
        entries = orjson.loads(index.read_bytes())
    except orjson.JSONDecodeError as error:
        raise PlaybackError(f"{index}: not JSON: {error}") from error
    if not isinstance(entries, list):
        raise PlaybackError(f"{index}: not a list of entries")
    return [_entry(index, number, entry) for number, entry in enumerate(entries, start=1)]


def _entry(index: Path, number: int, entry: Any) -> Recording:
    def invalid(message: str) -> PlaybackError:
        return PlaybackError(f"{index} entry {number}: {message}")

    if not isinstance(entry, dict):
        raise invalid("not an object")
    if unknown := set(entry) - _KEYS:
        raise invalid(f"unknown key {sorted(unknown)[0]}; known are {', '.join(sorted(_KEYS))}")
    path, name = entry.get("path"), entry.get("file")
    if not isinstance(path, str) or not path.startswith("/v1/"):
        raise invalid("path must be a text that begins with /v1/")
    if not isinstance(name, str):
        raise invalid("file must be a path relative to the folder")
    status = entry.get("status", 200)
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise invalid(f"status {status!r} is not an HTTP status from 200 to 599")
    for key in ("query", "headers"):
        if not isinstance(entry.get(key, {}), dict):
            raise invalid(f"{key} must be an object")
    file = (index.parent / name).resolve()
    if not file.is_relative_to(index.parent.resolve()):
        raise invalid(f"file {name} lies outside the folder")
    if not file.is_file():
        raise invalid(f"file {name} does not exist")
    return Recording(
        method=str(entry.get("method", "GET")).upper(),
        path=_segments(path),
        query=_texts(entry.get("query", {})),
        file=file,
        status=status,
        headers=_texts(entry.get("headers", {})),
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}


def _read_tree(folder: Path) -> list[Recording]:
    """Read a tree: `artists/ID/albums@limit=2&offset=4.json` is /v1/artists/ID/albums?limit=2&offset=4."""
    recordings = []
    for file in sorted(folder.rglob("*.json")):
        path, _, query = file.relative_to(folder).as_posix().removesuffix(".json").partition("@")
        pairs = (pair.partition("=") for pair in query.split("&") if pair)
        wanted = {key: value for key, _, value in pairs}
        recordings.append(Recording("GET", ("v1", *_segments(path.removeprefix("v1/"))), wanted, file))
    return recordings
