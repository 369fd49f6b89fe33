"""Writes the generated pages of docs/: `python -m tools.reference`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticUndefined

from spotify_pipeline.cli import main as cli
from spotify_pipeline.contract.rules import markdown_tables
from spotify_pipeline.settings import PREFIX, PROJECT_ROOT, Settings
from tools import reference_dags, reference_tables

DOCS = PROJECT_ROOT / "docs"
MADE = "<!-- made from code by `make reference` -->"
# variables that other modules than Settings read
OTHER_VARIABLES = {
    f"{PREFIX}STACK_DIR": "folder of the embedded stack; default: `build/stack`, or `build/own`",
    f"{PREFIX}LINEAGE": "`1` writes OpenLineage events to files, a URL sends them; read at the start",
    f"{PREFIX}METRICS": "URL of an OTLP receiver for metrics; read at the start",
    f"{PREFIX}WAREHOUSE_ADMIN_URL": "URL of an administrator, for `warehouse bootstrap` only",
}


def settings_page() -> str:
    """Return the page of all environment variables."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "Each setting is an environment variable. Tasks read it when they start, and an invalid value is "
        "an error that names its variable. Secrets are in [connections](deploy.md), not in settings.",
        "",
        "| variable | meaning | default |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{PREFIX}{name.upper()}` | {_cell(field.description)} | {_default(field)} |")
    lines += [
        "",
        "## Read by the embedded stack and the command line",
        "",
        "| variable | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {_cell(text)} |" for name, text in OTHER_VARIABLES.items()]
    return "\n".join(lines) + "\n"


def _default(field: Any) -> str:
    if field.default is PydanticUndefined:
        value = field.default_factory()
        if isinstance(value, Path):
            return "`~/.config/spotify-pipeline/login.json`"
    else:
        value = field.default
    if value is None:
        return ""
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT_ROOT)}`"
    return f"`{json.dumps(value, default=str)}`" if not isinstance(value, str) else f"`{value}`"


def commands_page() -> str:
    """Return the page of all commands with their arguments and options."""
    lines = [
        "# Commands",
        "",
        MADE,
        "",
        f"`spotify-pipeline [--quiet|--verbose] COMMAND`. {cli.EXIT_CODES} "
        "`--install-completion` sets completion up in your shell.",
        "",
    ]
    for name in cli.COMMANDS:
        root: Any = typer.main.get_command(cli.build([name]))
        lines += _command(root.commands[name], f"spotify-pipeline {name}", level=2)
    return "\n".join(lines).rstrip() + "\n"


def _command(command: Any, name: str, *, level: int) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (
        f"{'#' * level} `{name}`",
        "",
        _text(command.help or ""),
        "",
        "```",
        f"{name} {usage}",
        "```",
        "",
    )
    rows = [
        f"| `{record[0]}` | {_cell(record[1])} |"
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) and "--help" not in record[0]
    ]
    if rows:
        yield from ("| argument or option | meaning |", "|---|---|", *rows, "")
    for child_name, child in getattr(command, "commands", {}).items():
        yield from _command(child, f"{name} {child_name}", level=level + 1)


def _text(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _cell(text: str | None) -> str:
    words = " ".join((text or "").split()).replace(f"{PROJECT_ROOT}/", "").replace(str(PROJECT_ROOT), ".")
    return words.replace("|", "\\|").replace("<", "&lt;")


def reason_codes_page() -> str:
    """Return the page of all fields and reason codes of the contract."""
    introduction = (
        "What each record must satisfy, and the code of a record that does not: [the contract](contract.md)."
    )
    return f"# Fields and reason codes\n\n{MADE}\n\n{introduction}\n\n{markdown_tables()}"


def dags_page() -> str:
    """Return the page of all DAGs with their schedules, assets, parameters and tasks."""
    introduction = (
        "Each DAG's page in Airflow adds when to run it again, and how to repair it. The partition "
        "key of the daily DAGs is a date, `YYYY-MM-DD` in UTC. [How they work together](architecture.md)."
    )
    return "\n".join([f"# DAGs\n\n{MADE}\n\n{introduction}\n", *reference_dags.lines()])


def tables_page() -> str:
    """Return the page of all tables with their columns."""
    introduction = (
        "People query `marts`; loads write `staging`; `ops` records what the pipeline did. "
        "[Example questions with their SQL](warehouse.md).\n\n"
        "Columns of a field group arrive together. Each group has three more columns, which name the "
        "observation that its values come from: `<group>_observed_at`, `<group>_rank` (0 simplified, "
        "1 full) and `<group>_raw_key`."
    )
    return "\n".join([f"# Tables\n\n{MADE}\n\n{introduction}\n", *reference_tables.lines()])


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "dags.md": dags_page,
    "reason-codes.md": reason_codes_page,
    "settings.md": settings_page,
    "tables.md": tables_page,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
