"""Rows of ops.dbt_result: results of the models and data tests of the newest transform."""

from __future__ import annotations

import psycopg

from spotify_pipeline.warehouse.connection import has_table

_FAILED = """
SELECT unique_id FROM (
    SELECT DISTINCT ON (unique_id) unique_id, status FROM ops.dbt_result
    WHERE run_id = (SELECT run_id FROM ops.dbt_result ORDER BY id DESC LIMIT 1)
    ORDER BY unique_id, id DESC
) AS newest
WHERE status IN ('error', 'fail', 'runtime error') ORDER BY unique_id
"""


def failed_nodes(conn: psycopg.Connection) -> list[str]:
    """Return the models and data tests whose last try failed in the newest run of spotify_transform.

    The role needs SELECT on ops.dbt_result: `spotify_reader` has it.
    """
    if not has_table(conn, "ops.dbt_result"):
        return []
    return [unique_id for (unique_id,) in conn.execute(_FAILED)]
