"""`spotify-pipeline validate`: checks files against the contract, without a stack or a call."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from spotify_pipeline.contract.counts import KindCounts
from spotify_pipeline.contract.survey import Survey
from spotify_pipeline.contract.validator import SCHEMA_VERSION
from spotify_pipeline.errors import UnreadableFile
from spotify_pipeline.json_reading import read_json

STDIN = Path("-")
_LINES = {".jsonl", ".ndjson"}


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(help="Responses of the Web API as JSON; .jsonl: one per line; -: standard input."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 if a record would be quarantined.")
    ] = False,
) -> None:
    """Show which records of any response file the pipeline would load, quarantine or set aside, and why.

    The exit status is 1 if a file cannot be read, and with --strict also if a record would be quarantined.
    """
    unreadable: list[dict[str, str]] = []
    if as_json:
        typer.echo(f'{{"schema_version": "{SCHEMA_VERSION}", "files": [', nl=False)
    shown, quarantined = 0, False
    for path in files:
        try:
            survey = survey_file(path)
        except UnreadableFile as error:
            typer.echo(f"error: {error}", err=True)
            unreadable.append({"path": str(path), "message": str(error)})
            continue
        # file by file, so that memory holds one of them
        separator = ",\n" if shown else "\n"
        typer.echo(separator + _document(path, survey), nl=False) if as_json else _show(path, survey)
        shown += 1
        quarantined = quarantined or bool(survey.codes)
    if as_json:
        typer.echo(f'\n], "unreadable": {_dump(unreadable)}}}')
    raise typer.Exit(1 if unreadable or (strict and quarantined) else 0)


def survey_file(path: Path) -> Survey:
    """Check the content of a file against the contract.

    Raises:
        UnreadableFile: it is absent, not a file, not readable, or not JSON.
    """
    survey = Survey()
    try:
        for line, body in _documents(path):
            survey.add(body, line)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror or error}): check its path") from None
    except MemoryError:
        raise UnreadableFile(f"{path} does not fit into memory: split it") from None
    except ValueError as error:
        raise UnreadableFile(
            f"{_name(path)} does not contain JSON ({str(error)[:200]}): give the complete body of a "
            "response, in UTF-8"
        ) from None
    return survey


def _name(path: Path) -> str:
    return "standard input" if path == STDIN else str(path)


def _documents(path: Path) -> Iterator[tuple[int | None, Any]]:
    if path == STDIN:
        yield None, read_json(sys.stdin.buffer.read())
        return
    if path.suffix.lower() not in _LINES:
        yield None, read_json(path.read_bytes())
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield number, read_json(line)
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from None


def _document(path: Path, survey: Survey) -> str:
    return _dump(
        {
            "path": str(path),
            "kinds": _plain_counts(survey.kinds),
            "entries": _plain_counts(survey.entries),
            "codes": dict(sorted(survey.codes.items())),
            "findings": [_without_line(asdict(finding)) for finding in survey.findings],
            "findings_omitted": survey.omitted,
            "set_aside": [_without_line(asdict(aside)) for aside in survey.set_aside],
        }
    )


def _without_line(fields: dict[str, Any]) -> dict[str, Any]:
    return fields if fields["line"] is not None else {k: v for k, v in fields.items() if k != "line"}


def _plain_counts(by_kind: dict[str, KindCounts]) -> dict[str, dict[str, int]]:
    return {
        kind: {
            "records": counts.fetched,
            "valid": counts.accepted,
            "quarantined": counts.quarantined,
            "set_aside": counts.set_aside,
        }
        for kind, counts in by_kind.items()
    }


def _dump(value: Any) -> str:
    # ASCII, since names and paths can contain lone surrogates
    return json.dumps(value)


def _show(path: Path, survey: Survey) -> None:
    typer.echo(_plain(str(path)))
    for kind, counts in survey.kinds.items():
        _show_counts(kind, counts)
    for kind, counts in survey.entries.items():
        _show_counts(f"{kind} (entries)", counts)
    reasons = Counter(aside.reason for aside in survey.set_aside)
    if reasons:
        typer.echo("  set aside: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items()))
    for code, count in survey.codes.most_common():
        typer.echo(f"  {count} times {code}")
    for finding in survey.findings:
        line = "" if finding.line is None else f"line {finding.line} "
        typer.echo(f"    {finding.code}  {line}{_plain(finding.pointer) or '(the whole)'}  {finding.message}")
    if survey.omitted:
        typer.echo(f"    and {survey.omitted} more")
    if not any(counts.fetched for counts in survey.kinds.values()):
        typer.echo("  no record found: the file has no track, album, artist or playlist")


def _plain(text: str) -> str:
    """Replace characters that move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _show_counts(kind: str, counts: KindCounts) -> None:
    typer.echo(
        f"  {kind:24} records {counts.fetched}  valid {counts.accepted}  quarantined {counts.quarantined}"
        f"  set_aside {counts.set_aside}"
    )
