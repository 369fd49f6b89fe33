"""Loads sources.yml, and checks schema, ids and names; errors name file, line and column."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from spotify_pipeline.errors import SourcesFileError
from spotify_pipeline.sources.ids import normalise_id
from spotify_pipeline.sources.messages import describe
from spotify_pipeline.sources.model import (
    DEFAULT_INCLUDE_GROUPS,
    DEFAULT_MAX_RESULTS,
    DEFAULT_TIME_RANGES,
    DEFAULT_TYPES,
    Source,
    SourceKind,
)
from spotify_pipeline.sources.yaml_text import Place, Pointer, YamlText, error_at, parse_yaml, read_text

IDS_FILE_BYTES_MAX = 16 * 2**20


def load_sources(path: Path | str) -> list[Source]:
    """Return the sources of `path`, in the order of the file.

    Raises:
        SourcesFileError: The file cannot be used; the message is `FILE:LINE:COLUMN: what is wrong`.
    """
    parsed = parse_yaml(Path(path))
    _words_to_text(parsed.value)
    errors = []
    for violation in _validator().iter_errors(parsed.value):
        pointer, message = describe(violation)
        place = parsed.places.get(pointer, Place(0, 0))
        # of keys that are not allowed, the key is shown and not its value
        at_key = violation.validator in {"additionalProperties", "not"}
        errors.append((place, message, parsed.error(pointer, message, key=at_key)))
    if errors:
        first, *others = [str(error) for _, _, error in sorted(errors, key=lambda error: error[:2])]
        more = f" (and {len(others)} more)" if others else ""
        found = SourcesFileError(f"{first}{more}")
        found.mistakes = (first, *others)
        raise found
    return _sources(parsed)


@cache
def _validator() -> Draft202012Validator:
    text = resources.files(__package__).joinpath("sources.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _words_to_text(document: Any) -> None:
    """Turn names, ids and queries that look like numbers (a search for 1999) into text."""
    sources = document.get("sources") if isinstance(document, dict) else None
    for entry in sources if isinstance(sources, list) else []:
        if not isinstance(entry, dict):
            continue
        for key in ("name", "ids_file", "user"):
            if isinstance(entry.get(key), int):
                entry[key] = str(entry[key])
        for key in ("ids", "queries"):
            if isinstance(entry.get(key), list):
                entry[key] = [str(item) if isinstance(item, int) else item for item in entry[key]]


def _sources(parsed: YamlText) -> list[Source]:
    result: list[Source] = []
    lines: dict[str, int] = {}
    for index, entry in enumerate(parsed.value["sources"]):
        pointer: Pointer = ("sources", index)
        name = entry["name"]
        if name in lines:
            raise parsed.error(
                (*pointer, "name"),
                f"the name {name!r} is used twice, first in line {lines[name]}: choose another, "
                "since all data is kept by this name",
            )
        lines[name] = parsed.places[(*pointer, "name")].line
        kind = SourceKind(entry["kind"])
        search = kind is SourceKind.SEARCH
        groups = entry.get("include_groups", DEFAULT_INCLUDE_GROUPS) if kind is SourceKind.ARTIST else ()
        ranges = entry.get("time_ranges", DEFAULT_TIME_RANGES) if kind.is_top_list else ()
        result.append(
            Source(
                name=name,
                kind=kind,
                ids=_ids(parsed, pointer, entry, kind) if kind.lists_ids else (),
                include_groups=tuple(groups),
                queries=tuple(entry["queries"]) if search else (),
                types=tuple(entry.get("types", DEFAULT_TYPES)) if search else (),
                max_results=entry.get("max_results", DEFAULT_MAX_RESULTS.get(kind, 0)),
                time_ranges=tuple(ranges),
                user=entry.get("user"),
                line=parsed.places[pointer].line,
            )
        )
    return result


def _ids(parsed: YamlText, pointer: Pointer, entry: dict[str, Any], kind: SourceKind) -> tuple[str, ...]:
    if "ids" in entry:
        path = parsed.path
        written = [(text, parsed.places[(*pointer, "ids", index)]) for index, text in enumerate(entry["ids"])]
    else:
        path = parsed.path.parent / entry["ids_file"]
        try:
            written = _lines_of(path)
        except SourcesFileError as error:
            raise parsed.error((*pointer, "ids_file"), str(error)) from None
    first_lines: dict[str, int] = {}
    for text, place in written:
        try:
            bare = normalise_id(text, kind)
        except ValueError as error:
            raise error_at(path, place, str(error)) from None
        if bare in first_lines:
            raise error_at(
                path, place, f"the id {bare} is listed twice, first in line {first_lines[bare]}: keep one"
            )
        first_lines[bare] = place.line
    return tuple(first_lines)


def _lines_of(path: Path) -> list[tuple[str, Place]]:
    """Read an ids_file: one id a line; `#` at the start of a line or after a space starts a comment."""
    found = []
    for number, line in enumerate(read_text(path, bytes_max=IDS_FILE_BYTES_MAX).split("\n"), start=1):
        text = "" if line.lstrip().startswith("#") else line.split(" #")[0].split("\t#")[0]
        if text.strip():
            found.append((text.strip(), Place(number, len(text) - len(text.lstrip()) + 1)))
    if not found:
        raise SourcesFileError(f"{path} lists no id: write one a line")
    return found
