"""Rows of ops.publication."""

from __future__ import annotations

import pytest

from spotify_pipeline.warehouse.load_log import highest_load_seq
from spotify_pipeline.warehouse.publication import Publication, record_publication
from tests.integration.warehouse.warehouse_database import DAY, Warehouse

pytestmark = pytest.mark.integration


def test_a_publication_moves_forward_only(warehouse: Warehouse) -> None:
    with warehouse.connect() as conn:
        assert highest_load_seq(conn) == 0
        for run_id, load_seq in (("first", 5), ("late", 4), ("second", 6)):
            record_publication(conn, Publication(DAY, run_id, load_seq, 60))
            if run_id == "late":
                assert conn.execute("SELECT run_id FROM ops.publication").fetchall() == [("first",)]
    assert warehouse.rows("SELECT run_id, load_seq, tests_passed FROM ops.publication") == [("second", 6, 60)]
