"""A copy of the dbt project with everything that a user may add to it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from spotify_stack.dbt_manifest import DBT_PROJECT, build_manifest

_COLUMNS = ", ".join(f"a_rather_long_name_of_column_{number}" for number in range(12))
_MODEL = "select track_id from {{ ref('stg_tracks') }}\n"
FILES = {
    "models/in_root.sql": "{{ config(schema='dbt_staging', materialized='view') }} " + _MODEL,
    "models/staging/from finance/stg_finance.sql": _MODEL,
    "models/staging/stg_künstler.sql": _MODEL,
    "models/staging/stg_odd.sql": (
        "select track_id, track_id as \"Track Id\", duration_ms from {{ ref('stg_tracks') }}\n"
    ),
    "models/staging/stg_inline.sql": (
        "{{ config(materialized='ephemeral') }} select track_id from {{ ref('stg_odd') }}\n"
    ),
    "models/staging/stg_after_inline.sql": "select * from {{ ref('stg_inline') }}\n",
    "models/staging/stg_versioned.sql": _MODEL,
    "models/staging/stg_versioned_v2.sql": _MODEL,
    "models/staging/stg_disabled.sql": "{{ config(enabled=false) }} " + _MODEL,
    "models/staging/stg_after_snapshot.sql": "select * from {{ ref('snap_artists') }}\n",
    "models/_exposure.yml": """
version: 2
exposures:
  - {name: board, type: dashboard, owner: {name: team}, depends_on: ["ref('dim_album')"]}
unit_tests:
  - name: a_unit_test
    model: stg_after_inline
    given: [{input: ref('stg_inline'), rows: []}]
    expect: {rows: []}
""",
    "models/staging/_odd.yml": f"""
version: 2
models:
  - {{name: in_root, columns: [{{name: track_id, data_tests: [unique]}}]}}
  - {{name: stg_künstler, columns: [{{name: track_id, data_tests: [unique]}}]}}
  - {{name: stg_inline, columns: [{{name: track_id, data_tests: [unique]}}]}}
  - {{name: stg_disabled, columns: [{{name: track_id, data_tests: [unique]}}]}}
  - name: stg_versioned
    latest_version: 2
    columns: [{{name: track_id, data_tests: [unique]}}]
    versions: [{{v: 1, defined_in: stg_versioned}}, {{v: 2}}]
  - name: stg_odd
    data_tests:
      - unique: {{arguments: {{column_name: "(track_id || '-' || \\"Track Id\\")"}}}}
      - holds: {{arguments: {{expression: "duration_ms > 0"}}, config: {{store_failures: false}}}}
      - holds: {{arguments: {{expression: "duration_ms >= 0"}}, config: {{store_failures: false}}}}
      - same_rows_as: {{arguments: {{other: ref('stg_tracks'), columns: [{_COLUMNS}]}}}}
    columns:
      - {{name: Track Id, quote: true, data_tests: [not_null]}}
sources:
  - name: more
    schema: staging
    tables:
      - name: plays
        config:
          loaded_at_field: observed_at
          freshness: {{warn_after: {{count: 3, period: day}}}}
""",
    "snapshots/snap_artists.yml": """
version: 2
snapshots:
  - name: snap_artists
    relation: ref('stg_artists')
    config: {unique_key: artist_id, strategy: check, check_cols: all, schema: intermediate}
    columns: [{name: artist_id, data_tests: [not_null]}]
""",
    "tests/generic/same_rows_as.sql": (
        "{% test same_rows_as(model, other, columns) %}\n"
        "select track_id from {{ model }} except select track_id from {{ other }}\n{% endtest %}\n"
    ),
    # named like a folder
    "tests/singular/staging.sql": "select 1 as bad from {{ ref('stg_odd') }} where false\n",
    "tests/singular/of_no_model.sql": "select 1 as bad where current_setting('TimeZone') <> 'UTC'\n",
    "packages.yml": "packages: [{local: shared}]\n",
    "package-lock.yml": "packages: [{local: shared, name: shared}]\n",
    "dbt_packages/shared/dbt_project.yml": (
        "name: shared\nversion: '1.0.0'\nconfig-version: 2\nprofile: spotify\n"
        "models: {shared: {+schema: dbt_staging, +materialized: view}}\n"
    ),
    "dbt_packages/shared/models/shared_model.sql": "select 1 as id\n",
    "dbt_packages/shared/models/_shared.yml": (
        "version: 2\nmodels: [{name: shared_model, columns: [{name: id, data_tests: [unique]}]}]\n"
    ),
}


def write_odd_project(root: Path) -> Path:
    """Copy the project to `root/dbt` and add the files; return its folder."""
    project = root / "dbt"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    for name, text in FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    settings = project / "dbt_project.yml"
    settings.write_text(settings.read_text() + '\non-run-start: ["select 1"]\n')
    return project


def odd_project(root: Path) -> Path:
    """Write the project and parse it for both targets; return its folder."""
    project = write_odd_project(root)
    build_manifest(lambda command: subprocess.run(command, check=True, capture_output=True), project)  # noqa: S603
    return project
