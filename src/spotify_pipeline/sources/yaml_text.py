"""Reads YAML into plain values, with the place of each value; anchors, aliases and tags are refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from spotify_pipeline.errors import SourcesFileError

BYTES_MAX = 4 * 2**20
DEPTH_MAX = 16

Pointer = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass
class YamlText:
    """A parsed file.

    Attributes:
        path: The file.
        value: Its content in plain Python.
        places: Place of each value, by pointer.
        keys: Place of each key of an object, by pointer.
    """

    path: Path
    value: Any = None
    places: dict[Pointer, Place] = field(default_factory=dict)
    keys: dict[Pointer, Place] = field(default_factory=dict)

    def error(self, pointer: Pointer, message: str, *, key: bool = False) -> SourcesFileError:
        """Make an error at the value at `pointer`, or at its key; at the nearest parent if it is absent."""
        places = self.keys if key and pointer in self.keys else self.places
        while pointer and pointer not in places:
            pointer = pointer[:-1]
        return error_at(self.path, places.get(pointer, Place(1, 1)), message)


def error_at(path: Path, place: Place, message: str) -> SourcesFileError:
    """Make an error of the form `FILE:LINE:COLUMN: message`, which editors can open."""
    return SourcesFileError(f"{path}:{place.line}:{place.column}: {message}")


def read_text(path: Path, *, bytes_max: int = BYTES_MAX) -> str:
    """Read a UTF-8 file of bounded size, without its byte order mark.

    Raises:
        SourcesFileError: It is absent, not a file, too large or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except FileNotFoundError:
        raise SourcesFileError(
            f"{path} does not exist: create it, or set SPOTIFY_PIPELINE_SOURCES to your list of sources"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourcesFileError(f"{path} cannot be read ({reason}): make it a readable file") from None
    if len(content) > bytes_max:
        raise SourcesFileError(
            f"{path} is larger than {bytes_max} bytes: put long lists of ids into a file named by ids_file"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        raise error_at(
            path, place, f"byte 0x{content[error.start]:02x} is not UTF-8: save the file as UTF-8"
        ) from None


def parse_yaml(path: Path) -> YamlText:
    """Read one YAML document without aliases, tags or repeated keys.

    Raises:
        SourcesFileError: It cannot be read; the message carries file, line and column.
    """
    text = read_text(path)
    try:
        _refuse_anchors_and_tags(path, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        # its position counts characters from the start of the text
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise error_at(
            path, place, f"character U+{_code_point(error.character):04X} is not allowed in YAML"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "this is no YAML"
        if "'\\t'" in problem:
            problem = "a tab is used for indentation: YAML allows only spaces there"
        elif "single document" in str(error):
            problem = "a second document starts: keep everything in one"
        elif problem.endswith("but got '?'"):
            problem = "a '?' ends a value in a list in brackets: put the link in quotes"
        raise error_at(path, _place(mark), problem) from None
    if node is None:
        raise error_at(path, Place(1, 1), "the file is empty: it needs 'version: 1' and a list of 'sources'")
    parsed = YamlText(path)
    parsed.value = _convert(parsed, node, ())
    return parsed


def _code_point(character: object) -> int:
    """Return the code point of a character that PyYAML reports, as a number or as the character itself."""
    return character if isinstance(character, int) else ord(str(character))


def _refuse_anchors_and_tags(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise error_at(
                path, place, "anchors and aliases (& and *) are not used here: write the value out"
            )
        if tag := getattr(event, "tag", None):
            raise error_at(path, place, f"the tag {tag!r} is not used here: write a plain value")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            raise error_at(path, place, f"nested more than {DEPTH_MAX} deep: no source needs that")


def _place(mark: Any) -> Place:
    """Return the place of a PyYAML mark, which counts from 0."""
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _convert(parsed: YamlText, node: yaml.Node, pointer: Pointer) -> Any:
    parsed.places[pointer] = _place(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(parsed, item, (*pointer, index)) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                raise error_at(parsed.path, place, "a key must be a word")
            key = key_node.value
            if key in result:
                first = parsed.keys[(*pointer, key)]
                raise error_at(
                    parsed.path, place, f"{key!r} is given twice, first in line {first.line}: keep one"
                )
            parsed.keys[(*pointer, key)] = place
            result[key] = _convert(parsed, value_node, (*pointer, key))
        return result
    return _scalar(node)


def _scalar(node: yaml.Node) -> str | int | None:
    """Return text as written, whole decimal numbers as int, and null as None; a query `yes` stays text."""
    if node.tag == "tag:yaml.org,2002:null":
        return None
    value = str(node.value)
    if node.tag == "tag:yaml.org,2002:int" and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value
